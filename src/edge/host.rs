//! The names this gateway answers to. A request for another name is refused, and the core is never
//! told a name that a partner chose.

/// The authorities (host, and port where it is part of the name) of `covenant.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames(Vec<String>);

/// A configured name is not a host with an optional port.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host name with an optional port")]
pub struct HostMistake(String);

impl HostNames {
    /// From names such as `api.example.com` or `localhost:8443`. A partner that connects to another
    /// port than 443 sends it, so it belongs to the name.
    ///
    /// # Errors
    /// When one of them is not an authority.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, HostMistake> {
        names
            .into_iter()
            .map(|name| canonical(name).ok_or_else(|| HostMistake(name.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The first of them, where there is one.
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Whether `authority` is one of the names, whatever its case.
    pub fn contains(&self, authority: &str) -> bool {
        canonical(authority).is_some_and(|authority| self.0.contains(&authority))
    }
}

/// `host [":" port]` in lower case: letters, digits, `-` and `.`, or an address in brackets; no user
/// information, no list, no blank, no empty or impossible port.
pub(crate) fn canonical(authority: &str) -> Option<String> {
    let port = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            match after {
                "" => None,
                after => Some(after.strip_prefix(':')?),
            }
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if host.len() > 253 || !host.split('.').all(label) {
                return None;
            }
            port
        }
    };
    if let Some(port) = port {
        let digits = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
        port.parse::<u16>().ok().filter(|_| digits)?;
    }
    Some(authority.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_names_are_ours() {
        let names =
            HostNames::new(["api.example.com", "localhost:8443", "[::1]:8443"]).expect("names");
        for ours in [
            "api.example.com",
            "API.Example.Com",
            "localhost:8443",
            "[::1]:8443",
        ] {
            assert!(names.contains(ours), "{ours}");
        }
        for foreign in [
            "",
            "api.example.com.",
            "api.example.com:443",
            "localhost",
            "localhost:8444",
            "localhost:",
            "localhost:08443",
            "localhost:+8443",
            "u@localhost:8443",
            "localhost:8443,evil",
            "localhost:8443 ",
            " localhost:8443",
            "localhost:8443/",
            "evil.example",
            "[::1",
            "[::1]8443",
            "[x]:8443",
            "xapi.example.com",
            "api.example.com\0",
        ] {
            assert!(!names.contains(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_configured_name_with_a_path_is_a_mistake() {
        assert!(HostNames::new(["example.com/v1"]).is_err());
        assert!(HostNames::new(["https://example.com"]).is_err());
        assert!(HostNames::new(["example.com:99999"]).is_err());
    }
}
