//! Which addresses a token may travel to.

use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::http::redact::address_for_people;

/// Checks that nothing sent to `url` can be read on the way: `https`, or plain `http` that stays on this machine.
pub(crate) fn check_private(url: &Url) -> Result<()> {
    let permitted = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    };
    if !permitted {
        return Err(Error::new(ErrorKind::Invalid, "only https is allowed, or http to this machine itself")
            .with_context("address", address_for_people(url)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(ErrorKind::Invalid, "an address with a user name or password in it is not allowed")
            .with_context("address", address_for_people(url)));
    }
    Ok(())
}

/// Checks the address of a service that this machine's own host offers: what never leaves the machine, or https.
pub(crate) fn check_local(url: &Url) -> Result<()> {
    if url.scheme() == "http" && is_link_local(url) && url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    check_private(url)
}

/// Whether the host is one of those addresses that no router passes on, such as Azure's metadata service.
pub(crate) fn is_link_local(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}

/// Checks the root of a service, to which paths are added, and gives it with a slash at its end.
pub(crate) fn checked_root(mut url: Url) -> Result<Url> {
    check_private(&url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::new(ErrorKind::Invalid, "the root of a service has no query and no fragment")
            .with_context("address", address_for_people(&url)));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Whether the host is this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_addresses_pass() {
        let table = [
            ("https://graph.example/", true),
            ("http://127.0.0.1:80/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost:8080/", true),
            ("http://graph.example/", false),
            ("http://127.0.0.1.example/", false),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("https://user@graph.example/", false),
            ("https://:secret@graph.example/", false),
            ("ftp://graph.example/", false),
            ("data:text/plain,x", false),
        ];
        for (address, expected) in table {
            let url = Url::parse(address).expect("a valid address");
            assert_eq!(check_private(&url).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn the_metadata_service_is_local_and_no_root() {
        let local = Url::parse("http://169.254.169.254/metadata").expect("a valid address");
        assert!(check_local(&local).is_ok() && check_private(&local).is_err());
        for address in
            ["http://169.255.169.254/", "http://10.0.0.1/", "http://u:p@169.254.169.254/", "ftp://169.254.1.1/"]
        {
            assert!(check_local(&Url::parse(address).expect("a valid address")).is_err(), "{address}");
        }
    }

    #[test]
    fn a_root_ends_with_a_slash() {
        let root = checked_root(Url::parse("https://proxy.example/graph").expect("valid")).expect("permitted");
        assert_eq!(root.as_str(), "https://proxy.example/graph/");
        assert!(checked_root(Url::parse("https://proxy.example/?a=b").expect("valid")).is_err());
    }

    #[test]
    fn a_refusal_shows_no_password() {
        let url = Url::parse("https://me:hunter2@graph.example/?token=hunter2").expect("valid");
        assert!(!check_private(&url).expect_err("refused").to_string().contains("hunter2"));
    }
}
