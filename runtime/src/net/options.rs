//! Settings that TCP and UDP sockets have in common. Each type has a method `socket()`, something
//! that is a `socket2::Socket`.

macro_rules! shared_options {
    ($type:ident) => {
        impl $type {
            /// The type of service of IPv4 packets (`IP_TOS`).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            pub fn tos_v4(&self) -> io::Result<u32> {
                self.socket().tos_v4()
            }

            /// The older name of [`tos_v4`](Self::tos_v4).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            #[deprecated = "renamed to `tos_v4`"]
            pub fn tos(&self) -> io::Result<u32> {
                self.tos_v4()
            }

            /// Sets the type of service of IPv4 packets (`IP_TOS`).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
                self.socket().set_tos_v4(tos)
            }

            /// The older name of [`set_tos_v4`](Self::set_tos_v4).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            #[deprecated = "renamed to `set_tos_v4`"]
            pub fn set_tos(&self, tos: u32) -> io::Result<()> {
                self.set_tos_v4(tos)
            }

            /// The traffic class of IPv6 packets (`IPV6_TCLASS`).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            pub fn tclass_v6(&self) -> io::Result<u32> {
                self.socket().tclass_v6()
            }

            /// Sets the traffic class of IPv6 packets (`IPV6_TCLASS`).
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
                self.socket().set_tclass_v6(tclass)
            }

            /// The network device that the socket is bound to (`SO_BINDTODEVICE`). Linux only.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
            pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
                self.socket().device()
            }

            /// Binds the socket to a network device (`SO_BINDTODEVICE`), or to none. Linux only.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// See [`UdpSocket`](crate::net::UdpSocket).
            #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
            pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
                self.socket().bind_device(interface)
            }
        }
    };
}
pub(crate) use shared_options;
