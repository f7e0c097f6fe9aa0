//! The traits of every guard of a `Mutex` or an `RwLock`: it derefs to the value and can be shown.

/// Makes the guard `$this` deref to what `$place` points to; with `mut` also mutably.
///
/// The caller guarantees that while the guard lives nothing else writes there, and with `mut`
/// nothing else reads there.
macro_rules! guard {
    ([$($parameters:tt)*] $guard:ty, $target:ident, $this:ident => $place:expr) => {
        impl<$($parameters)*> std::ops::Deref for $guard {
            type Target = $target;

            #[inline]
            fn deref(&self) -> &$target {
                let $this = self;
                // SAFETY: the guard holds its permits, so nobody else writes to the value (rules 1
                // and 2 of the lock); this borrow is bound to one of the guard.
                unsafe { &*$place }
            }
        }

        impl<$($parameters)*> std::fmt::Debug for $guard where $target: std::fmt::Debug {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($parameters)*> std::fmt::Display for $guard where $target: std::fmt::Display {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    (mut [$($parameters:tt)*] $guard:ty, $target:ident, $this:ident => $place:expr) => {
        guard!([$($parameters)*] $guard, $target, $this => $place);

        impl<$($parameters)*> std::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $target {
                let $this = self;
                // SAFETY: the guard holds all permits, so only its borrowers reach the value (rules
                // 1 and 2 of the lock); this borrow of it is exclusive.
                unsafe { &mut *$place }
            }
        }
    };
}
pub(super) use guard;
