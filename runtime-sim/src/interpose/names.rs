//! Names of hosts.

use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, SocketAddr};

use libc::{addrinfo, size_t, sockaddr, socklen_t, utsname};

use super::call::{done, model};
use super::{fail, kernel, real};
use crate::conductor::baton::me;
use crate::os::SockAddr;

/// What `getaddrinfo` gives: one entry, with what it points to.
#[repr(C)]
struct Entry {
    info: addrinfo,
    address: [u64; 16],
}

const SERVICES: [(&[u8], u16); 6] = [
    (b"http", 80),
    (b"https", 443),
    (b"domain", 53),
    (b"redis", 6379),
    (b"ssh", 22),
    (b"smtp", 25),
];

unsafe fn text<'a>(place: *const c_char) -> Option<&'a [u8]> {
    (!place.is_null()).then(|| unsafe { CStr::from_ptr(place) }.to_bytes())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"getaddrinfo",
            fn(*const c_char, *const c_char, *const addrinfo, *mut *mut addrinfo) -> c_int
        );
        return unsafe { function(node, service, hints, result) };
    };
    let (family, kind, protocol, flags) = match unsafe { hints.as_ref() } {
        Some(hints) => (hints.ai_family, hints.ai_socktype, hints.ai_protocol, hints.ai_flags),
        None => (libc::AF_UNSPEC, 0, 0, 0),
    };
    let port = match unsafe { text(service) } {
        None | Some([]) => 0,
        Some(name) => {
            let number = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
            let known = SERVICES.iter().find(|(known, _)| *known == name).map(|&(_, port)| port);
            match number.or(known) {
                Some(port) => port,
                None => return libc::EAI_SERVICE,
            }
        }
    };
    let found: Vec<IpAddr> = match unsafe { text(node) } {
        None if service.is_null() => return libc::EAI_NONAME,
        None if flags & libc::AI_PASSIVE != 0 => {
            vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0_u16; 8])]
        }
        None => vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])],
        Some(name) => {
            let Ok(name) = std::str::from_utf8(name) else { return libc::EAI_NONAME };
            let number = name.parse::<IpAddr>().ok();
            let resolved = match (number, flags & libc::AI_NUMERICHOST) {
                (Some(address), _) => Ok(vec![address]),
                (None, 0) => model(me, |os, host, _| os.resolve(host, name)),
                (None, _) => return libc::EAI_NONAME,
            };
            match resolved {
                Ok(found) => found,
                Err(_) => {
                    done(me, "getaddrinfo", libc::EAI_NONAME);
                    return libc::EAI_NONAME;
                }
            }
        }
    };
    let wanted = found.iter().filter(|address| match family {
        libc::AF_INET => address.is_ipv4(),
        libc::AF_INET6 => address.is_ipv6(),
        _ => true,
    });
    let kinds: &[(c_int, c_int)] = match kind {
        libc::SOCK_STREAM => &[(libc::SOCK_STREAM, libc::IPPROTO_TCP)],
        libc::SOCK_DGRAM => &[(libc::SOCK_DGRAM, libc::IPPROTO_UDP)],
        0 => &[
            (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
            (libc::SOCK_RAW, libc::IPPROTO_IP),
        ],
        _ => return libc::EAI_SOCKTYPE,
    };
    let mut first: *mut addrinfo = std::ptr::null_mut();
    let mut last: *mut *mut addrinfo = &mut first;
    let mut count = 0;
    for &address in wanted {
        for &(kind, its_protocol) in kinds {
            if protocol != 0 && protocol != its_protocol {
                continue;
            }
            let bytes = SockAddr::Inet(SocketAddr::new(address, port)).to_bytes();
            let mut entry =
                Box::new(Entry { info: unsafe { std::mem::zeroed() }, address: [0; 16] });
            let place = entry.address.as_mut_ptr().cast::<u8>();
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            entry.info.ai_family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
            entry.info.ai_socktype = kind;
            entry.info.ai_protocol = its_protocol;
            entry.info.ai_addrlen = bytes.len() as socklen_t;
            entry.info.ai_addr = place.cast();
            let entry = Box::into_raw(entry).cast::<addrinfo>();
            unsafe {
                *last = entry;
                last = &raw mut (*entry).ai_next;
            }
            count += 1;
        }
    }
    done(me, "getaddrinfo", count);
    if count == 0 {
        return libc::EAI_NONAME;
    }
    unsafe { *result = first };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(mut list: *mut addrinfo) {
    if me().is_none() {
        let function = real!(c"freeaddrinfo", fn(*mut addrinfo) -> ());
        return unsafe { function(list) };
    }
    while !list.is_null() {
        // What a simulated thread has, a simulated `getaddrinfo` has made.
        let entry = unsafe { Box::from_raw(list.cast::<Entry>()) };
        list = entry.info.ai_next;
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getnameinfo(
    address: *const sockaddr,
    length: socklen_t,
    host: *mut c_char,
    host_length: socklen_t,
    service: *mut c_char,
    service_length: socklen_t,
    flags: c_int,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"getnameinfo",
            fn(
                *const sockaddr,
                socklen_t,
                *mut c_char,
                socklen_t,
                *mut c_char,
                socklen_t,
                c_int,
            ) -> c_int
        );
        return unsafe {
            function(address, length, host, host_length, service, service_length, flags)
        };
    };
    let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length as usize) };
    let Ok(SockAddr::Inet(address)) = SockAddr::from_bytes(bytes) else { return libc::EAI_FAMILY };
    let name = match flags & libc::NI_NUMERICHOST {
        0 => model(me, |os, host, _| os.name_of(host, address.ip()).map(str::to_owned)),
        _ => None,
    };
    if name.is_none() && flags & libc::NI_NAMEREQD != 0 {
        return libc::EAI_NONAME;
    }
    let name = name.unwrap_or_else(|| address.ip().to_string());
    let port = address.port().to_string();
    for (text, place, room) in [(name, host, host_length), (port, service, service_length)] {
        if place.is_null() || room == 0 {
            continue;
        }
        if text.len() >= room as usize {
            return libc::EAI_OVERFLOW;
        }
        unsafe {
            place.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
            *place.add(text.len()) = 0;
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gethostname(place: *mut c_char, room: size_t) -> c_int {
    let Some(me) = me() else {
        return unsafe { real!(c"gethostname", fn(*mut c_char, size_t) -> c_int)(place, room) };
    };
    let name = model(me, |os, host, _| os.host_name(host).to_owned());
    if name.len() >= room {
        return fail(libc::ENAMETOOLONG);
    }
    unsafe {
        place.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
        *place.add(name.len()) = 0;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn uname(place: *mut utsname) -> c_int {
    let result = unsafe { kernel(libc::SYS_uname, &[place as usize]) } as c_int;
    if let (Some(me), 0) = (me(), result) {
        let name = model(me, |os, host, _| os.host_name(host).to_owned());
        let room = unsafe { &mut (*place).nodename };
        for (at, byte) in room.iter_mut().enumerate() {
            *byte = name.as_bytes().get(at).copied().unwrap_or(0) as c_char;
        }
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getifaddrs(list: *mut *mut libc::ifaddrs) -> c_int {
    if me().is_some() {
        super::refuse("getifaddrs", "Hosts have the addresses that `Sim::host` documents.");
        return fail(libc::ENOSYS);
    }
    unsafe { real!(c"getifaddrs", fn(*mut *mut libc::ifaddrs) -> c_int)(list) }
}
