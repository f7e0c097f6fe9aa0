//! Makes a list smaller while a test still fails: `ddmin` (Zeller, Hildebrandt 2002).

/// The smallest part of `items` that was found for which `fails` holds. It holds for all of them.
/// Stops when `fails` answers `None`: there is no time left.
pub(crate) fn ddmin<T: Clone>(items: &[T], mut fails: impl FnMut(&[T]) -> Option<bool>) -> Vec<T> {
    let mut rest = items.to_vec();
    if rest.is_empty() {
        return rest;
    }
    match fails(&[]) {
        Some(true) => return Vec::new(),
        Some(false) => {}
        None => return rest,
    }
    let mut parts = 2;
    while rest.len() > 1 {
        let size = rest.len().div_ceil(parts);
        let mut found = None;
        let mut from = 0;
        while from < rest.len() {
            let to = (from + size).min(rest.len());
            // One part alone, where there are two; without one part, where there are more.
            let kept: Vec<T> = if parts == 2 {
                rest[from..to].to_vec()
            } else {
                rest[..from].iter().chain(&rest[to..]).cloned().collect()
            };
            match fails(&kept) {
                None => return rest,
                Some(true) => {
                    found = Some(kept);
                    break;
                }
                Some(false) => from = to,
            }
        }
        match found {
            Some(kept) => {
                parts = if parts == 2 { 2 } else { (parts - 1).max(2) };
                rest = kept;
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(rest.len()),
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_what_is_left() {
        let items: Vec<u32> = (0..200).collect();
        for needed in [vec![], vec![7], vec![3, 150], vec![0, 99, 100, 199]] {
            let mut asked = 0;
            let found = ddmin(&items, |part| {
                asked += 1;
                Some(needed.iter().all(|item| part.contains(item)))
            });
            assert_eq!(found, needed);
            assert!(asked < 300, "{asked}");
        }
    }

    #[test]
    fn when_time_is_up_what_was_found_so_far_is_kept() {
        let items: Vec<u32> = (0..64).collect();
        let mut left = 4;
        let found = ddmin(&items, |part| {
            left -= 1;
            (left > 0).then(|| part.contains(&5))
        });
        assert!(found.contains(&5) && found.len() < 64);
    }
}
