//! What every guard of a `Mutex` or an `RwLock` is to its user: a `&`, or a `&mut`, that can be
//! shown and narrowed to a part.

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

/// `map` and `try_map` of a guard of a `$whole`: `$made` makes a guard of a part of `$this`, of
/// which `$at` says where it lies. `const` if the guard lends a `&` only, else `mut`.
macro_rules! mappable {
    (const $($rest:tt)*) => {
        mappable!(@ [] const $($rest)*);
    };
    (mut $($rest:tt)*) => {
        mappable!(@ [mut] mut $($rest)*);
    };
    (
        @ [$($mut:tt)?] $pointer:tt [$($parameters:tt)*] $guard:ty, $whole:ident =>
        [$($generics:tt)*] $mapped:ty, $part:ident;
        $this:ident, $at:ident => $made:expr
    ) => {
        impl<$($parameters)*> $guard {
            /// A guard of a part of the value.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn map<$($generics)*>($($mut)? $this: Self, f: F) -> $mapped
            where
                $part: ?Sized,
                F: FnOnce(&$($mut)? $whole) -> &$($mut)? $part,
            {
                let $at: *$pointer $part = f(&$($mut)? *$this);
                $made
            }

            /// A guard of a part of the value, if `f` finds one; otherwise this guard.
            ///
            /// # Errors
            ///
            /// `f` returned `None`.
            ///
            /// # Examples
            ///
            /// See [`Self`].
            pub fn try_map<$($generics)*>($($mut)? $this: Self, f: F) -> Result<$mapped, Self>
            where
                $part: ?Sized,
                F: FnOnce(&$($mut)? $whole) -> Option<&$($mut)? $part>,
            {
                let found = f(&$($mut)? *$this).map(|part| -> *$pointer $part { part });
                match found {
                    Some($at) => Ok($made),
                    None => Err($this),
                }
            }
        }
    };
}
pub(super) use mappable;
