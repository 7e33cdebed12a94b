//! What is believed of the proxies on the way: as many as the settings say there are. Pure.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Each proxy adds whom it got the request from at the end of it; what stands before is the client's word.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The beginning of the path that a proxy took off.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// Longest prefix taken over, in bytes.
const PREFIX_MAX: usize = 256;

/// The number of proxies between the clients and this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proxies(pub u8);

impl Proxies {
    /// The client's address. Where fewer proxies wrote one than there should be, the request has come another
    /// way, and only the connection is believed.
    pub fn client(self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let Some(before) = usize::from(self.0).checked_sub(1) else { return peer };
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(HeaderValue::to_str)
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        let told = lines.iter().rev().flat_map(|line| line.rsplit(',')).nth(before);
        told.and_then(|told| told.trim().parse().ok()).or(peer)
    }

    /// What the last proxy that took something off the path took off, such as `/shop`. What stands in lines before
    /// may be the client's word.
    pub fn prefix(self, headers: &HeaderMap) -> Option<String> {
        if self == Self::default() {
            return None;
        }
        let told = headers.get_all(FORWARDED_PREFIX).iter().next_back()?.to_str().ok()?.trim_end_matches('/');
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"/-_.~".contains(&c);
        // `//host` would lead to another host.
        let is_path = told.starts_with('/') && !told.contains("//") && told.len() <= PREFIX_MAX;
        (is_path && told.bytes().all(plain)).then(|| told.to_owned())
    }
}

/// Puts the prefix before the paths that an answer leads to.
pub fn lead_back(headers: &mut HeaderMap, prefix: &str) {
    for name in [header::LOCATION, header::LINK] {
        let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
        let led = match value.strip_prefix('<') {
            Some(rest) => format!("<{prefix}{rest}"),
            None => format!("{prefix}{value}"),
        };
        if let Ok(led) = HeaderValue::try_from(led) {
            headers.insert(name, led);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn as_many_hops_are_believed_as_there_are_and_no_more() {
        let peer = Some(IpAddr::from([10, 0, 0, 1]));
        let mut forwarded = headers(&[("x-forwarded-for", "6.6.6.6, 192.0.2.7")]);
        forwarded.append("x-forwarded-for", HeaderValue::from_static("10.0.0.9"));
        for (hops, expected) in [(0, "10.0.0.1"), (1, "10.0.0.9"), (2, "192.0.2.7"), (3, "6.6.6.6"), (4, "10.0.0.1")] {
            assert_eq!(Proxies(hops).client(&forwarded, peer), expected.parse().ok(), "{hops}");
        }
        for odd in ["", "unknown", "192.0.2.7:80"] {
            assert_eq!(Proxies(1).client(&headers(&[("x-forwarded-for", odd)]), peer), peer, "{odd}");
        }
        assert_eq!(
            Proxies(1).client(&headers(&[("x-forwarded-for", "2001:db8::7")]), peer),
            "2001:db8::7".parse().ok()
        );
        assert_eq!(Proxies(2).client(&HeaderMap::new(), peer), peer);
    }

    #[test]
    fn only_a_path_of_this_host_is_taken_for_a_prefix() {
        let prefix = |hops, value| Proxies(hops).prefix(&headers(&[("x-forwarded-prefix", value)]));
        assert_eq!(prefix(1, "/shop").as_deref(), Some("/shop"));
        assert_eq!(prefix(1, "/a/shop-1/").as_deref(), Some("/a/shop-1"));
        assert_eq!(prefix(0, "/shop"), None, "nobody is believed");
        let mut two = headers(&[("x-forwarded-prefix", "/claimed")]);
        two.append("x-forwarded-prefix", HeaderValue::from_static("/shop"));
        assert_eq!(Proxies(1).prefix(&two).as_deref(), Some("/shop"));
        for wrong in ["", "/", "shop", "//evil.example", "/a//b", "/a?b", "/a b", "/<x>"] {
            assert_eq!(prefix(1, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn answers_lead_back_to_where_the_client_is() {
        let mut answer = headers(&[("location", "/products/1"), ("link", "</products?cursor=x>; rel=\"next\"")]);
        lead_back(&mut answer, "/shop");
        assert_eq!(answer["location"], "/shop/products/1");
        assert_eq!(answer["link"], "</shop/products?cursor=x>; rel=\"next\"");
    }
}
