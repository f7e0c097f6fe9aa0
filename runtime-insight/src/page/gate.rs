//! Decides who may ask: rules 2 to 5 of [`super`].

use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};

use super::query::Query;

/// The bytes of a token before they are written as hexadecimal digits.
const TOKEN_BYTES: usize = 32;

/// Decides about requests.
pub(super) struct Gate {
    address: SocketAddr,
    token: String,
}

/// Why a request is not answered, with the status and what to say.
pub(super) type Refusal = (StatusCode, &'static str);

impl Gate {
    pub(super) fn new(address: SocketAddr) -> io::Result<Gate> {
        let mut bytes = [0; TOKEN_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let mut token = String::new();
        for byte in bytes {
            let _ = write!(token, "{byte:02x}");
        }
        Ok(Gate { address, token })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// A cookie for the browser, which then sends it with each request. Browsers keep cookies by
    /// the host alone, so the cookie's name has the port.
    pub(super) fn cookie(&self) -> String {
        format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie_name(), self.token)
    }

    fn cookie_name(&self) -> String {
        format!("runtime-insight-{}", self.address.port())
    }

    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let headers = request.headers();
        if !self.is_own_host(request) {
            return Err((
                StatusCode::FORBIDDEN,
                "This host name does not lead here. Use the address that was printed, or the name \
                 localhost.\n",
            ));
        }
        if !self.has_token(request) {
            return Err((
                StatusCode::FORBIDDEN,
                "The token is missing or wrong. Use the whole address that was printed, with \
                 ?token= and what follows.\n",
            ));
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_ours = matches!(site, None | Some(b"same-origin" | b"none"));
        if !is_ours && request.uri().path() != "/" {
            return Err((StatusCode::FORBIDDEN, "Only the page itself may ask for this.\n"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err((
                StatusCode::METHOD_NOT_ALLOWED,
                "The page can only be read: there is GET and nothing else.\n",
            ));
        }
        Ok(())
    }

    fn is_own_host<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let is_own = |host: &str| {
            let name = match host.strip_prefix('[') {
                Some(rest) => rest.split(']').next(),
                None => host.split(':').next(),
            };
            let name = name.unwrap_or("");
            let own = self.address.ip().to_string();
            name.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "::1", &own].contains(&name)
        };
        // The port may differ, for example through a tunnel.
        host.to_str().is_ok_and(is_own)
            && request.uri().authority().is_none_or(|authority| is_own(authority.as_str()))
    }

    fn has_token<B>(&self, request: &Request<B>) -> bool {
        let query = Query::parse(request.uri().query().unwrap_or(""));
        let is_right = |given: &str| same(given.as_bytes(), self.token.as_bytes());
        query.get("token").is_some_and(is_right)
            || self.cookies(request.headers()).any(is_right)
            || bearer(request.headers()).is_some_and(is_right)
    }

    /// The values of this page's cookie.
    fn cookies<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let name = self.cookie_name();
        let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        all.flat_map(|text| text.split(';')).filter_map(move |pair| {
            let (other, value) = pair.trim().split_once('=')?;
            (other == name).then_some(value)
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Compares in a time that does not tell how much of the token is right. Its length is no secret.
fn same(given: &[u8], right: &[u8]) -> bool {
    let differences = given.iter().zip(right).fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    given.len() == right.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(SocketAddr::from(([127, 0, 0, 1], 7070))).unwrap()
    }

    fn ask(gate: &Gate, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, value.replace("TOKEN", &gate.token));
        }
        let checked = gate.check(&request.body(()).unwrap());
        checked.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn a_token_is_random_and_taken_from_address_cookie_or_bearer() {
        let gate = gate();
        assert_eq!(gate.token.len(), 2 * TOKEN_BYTES);
        assert_ne!(gate.token, self::gate().token);
        let host = ("host", "localhost:7070");
        let with_token = format!("/?token={}", gate.token);
        assert_eq!(ask(&gate, &with_token, &[host]), 200);
        assert_eq!(ask(&gate, &with_token[..with_token.len() - 1], &[host]), 403);
        assert_eq!(ask(&gate, &format!("{with_token}0"), &[host]), 403);
        assert_eq!(ask(&gate, "/", &[host]), 403);
        assert_eq!(ask(&gate, "/?token=", &[host]), 403);
        let cookie = ("cookie", "a=b; runtime-insight-7070=TOKEN");
        assert_eq!(ask(&gate, "/", &[host, cookie]), 200);
        // Two pages on one machine have one host, so cookies by another name come along.
        let other = ("cookie", "runtime-insight-7071=TOKEN");
        assert_eq!(ask(&gate, "/", &[host, other]), 403);
        assert_eq!(ask(&gate, "/", &[host, ("authorization", "Bearer TOKEN")]), 200);
        assert_eq!(ask(&gate, "/", &[host, ("authorization", "Bearer x")]), 403);
    }

    #[test]
    fn a_foreign_name_does_not_lead_here() {
        let gate = gate();
        let token = ("authorization", "Bearer TOKEN");
        for own in ["127.0.0.1", "LOCALHOST", "localhost:1", "[::1]:9", "127.0.0.1:7070"] {
            assert_eq!(ask(&gate, "/", &[token, ("host", own)]), 200, "{own}");
        }
        for foreign in ["example.org", "127.0.0.1.example.org", "localhost.", "[::2]", "", "[", "1"]
        {
            assert_eq!(ask(&gate, "/", &[token, ("host", foreign)]), 403, "{foreign}");
        }
        assert_eq!(ask(&gate, "/", &[token]), 403);
        let two = [token, ("host", "localhost"), ("host", "localhost")];
        assert_eq!(ask(&gate, "/", &two), 403);
        let host = ("host", "localhost");
        assert_eq!(ask(&gate, "http://example.org/", &[token, host]), 403);
    }

    #[test]
    fn another_site_cannot_use_the_cookie() {
        let gate = gate();
        let given = [("host", "localhost"), ("cookie", "runtime-insight-7070=TOKEN")];
        for (site, path, status) in [
            ("cross-site", "/api/dump.json", 403),
            ("same-site", "/api/dump.json", 403),
            ("same-origin", "/api/dump.json", 200),
            ("none", "/api/dump.json", 200),
            ("cross-site", "/", 200),
        ] {
            let headers = [given.as_slice(), &[("sec-fetch-site", site)]].concat();
            assert_eq!(ask(&gate, path, &headers), status, "{site} {path}");
        }
    }
}
