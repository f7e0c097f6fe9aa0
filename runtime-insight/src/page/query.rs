//! The part of an address after the `?`.

/// The values, by their names.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Query(pairs.collect())
    }

    /// The first value of that name, if it is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// A whole number, or the error to show.
    pub(super) fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{name} is no whole number: {text:?}")),
        }
    }
}

/// Decodes `%41` to `A` and `+` to a blank. Anything that is no code stays as it is.
fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| (byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = match bytes[at] {
            b'%' => digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2))),
            _ => None,
        };
        match (bytes[at], code) {
            (_, Some((high, low))) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_what_is_no_code_stays() {
        let query = Query::parse("filter=src%2Fmain.rs+a%C3%A9&empty=&x&bad=%zz%4&n=12&&=v");
        assert_eq!(query.get("filter"), Some("src/main.rs a\u{e9}"));
        assert_eq!((query.get("empty"), query.get("x"), query.get("none")), (None, None, None));
        assert_eq!(query.get("bad"), Some("%zz%4"));
        assert_eq!(query.number("n", 3), Ok(12));
        assert_eq!(query.number("none", 3), Ok(3));
        assert!(query.number("bad", 3).unwrap_err().contains("bad is no whole number"));
        assert_eq!(decode("%ff"), "\u{fffd}");
    }
}
