//! Times as decimal numbers, without floating point: what prints that is 20 KiB in a program that
//! has no other use for it.

use std::fmt;
use std::time::Duration;

/// A time in a unit, with as many digits behind the point as it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    whole: u64,
    /// What stands behind the point, in so many digits.
    rest: u32,
    digits: usize,
}

impl Decimal {
    pub(crate) fn seconds(time: Duration) -> Decimal {
        Decimal { whole: time.as_secs(), rest: time.subsec_nanos(), digits: 9 }
    }

    pub(crate) fn micros(time: Duration) -> Decimal {
        let (micros, rest) = (time.subsec_micros(), time.subsec_nanos() % 1_000);
        let whole = time.as_secs().saturating_mul(1_000_000).saturating_add(micros.into());
        Decimal { whole, rest, digits: 3 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { whole, mut rest, mut digits } = *self;
        if rest == 0 {
            return write!(f, "{whole}");
        }
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

/// Reads a number of seconds, with or without a fraction.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(Duration::new(whole.parse().ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_digits_as_needed() {
        for (nanos, in_seconds, in_micros) in [
            (0, "0", "0"),
            (1, "0.000000001", "0.001"),
            (1_500, "0.0000015", "1.5"),
            (2_000_000_000, "2", "2000000"),
            (12_345_678_900, "12.3456789", "12345678.9"),
        ] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(Decimal::seconds(time).to_string(), in_seconds);
            assert_eq!(Decimal::micros(time).to_string(), in_micros);
            assert_eq!(seconds(in_seconds), Some(time));
        }
        let most = Duration::MAX;
        assert_eq!(seconds(&Decimal::seconds(most).to_string()), Some(most));
    }

    #[test]
    fn what_is_no_number_of_seconds() {
        assert_eq!(seconds("0.1234567899"), Some(Duration::from_nanos(123_456_789)));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "inf", "1.5.2", "99999999999999999999"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
