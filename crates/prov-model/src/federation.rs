//! Partners whose people come in as guests: what is declared of them, why a guest is out, and how domains compare.
//! Invariant: two spellings of one domain give one string, and two domains that may have two owners give two.

use crate::{AttrId, IdentityId, RuleId};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// A federation.
#[derive(Clone, Debug)]
pub struct FederationDef {
    /// Its name.
    pub name: String,
    /// Its place in the policy.
    pub rule: RuleId,
    /// The identity type of its guests.
    pub identity: IdentityId,
    /// Who signs for its people.
    pub issuer: Option<String>,
    /// Domains as compared; `*.` before one stands for all below it.
    pub domains: Vec<String>,
    /// The reference to whoever answers for a guest.
    pub sponsor: Option<AttrId>,
}

/// Why a guest is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestOut {
    /// No federation of the type is theirs.
    NoPartner,
    /// The condition of `admit when` fails.
    NotAdmitted,
    /// Nobody answers for them.
    NoSponsor,
    /// Who answers for them has left.
    SponsorLeft,
    /// Their time is over.
    Expired,
    /// The partnership is over.
    PartnershipOver,
}

impl GuestOut {
    /// In words, as explanations and findings say it.
    pub fn words(self) -> &'static str {
        match self {
            GuestOut::NoPartner => "no federation is theirs",
            GuestOut::NotAdmitted => "not admitted",
            GuestOut::NoSponsor => "nobody answers for them",
            GuestOut::SponsorLeft => "the sponsor has left",
            GuestOut::Expired => "their time is over",
            GuestOut::PartnershipOver => "the partnership is over",
        }
    }
}

/// The domain of a mail address as domains compare; empty where there is none.
pub fn home_domain(address: &str) -> String {
    address.trim().rsplit_once('@').map_or(String::new(), |(_, domain)| folded_domain(domain))
}

/// A domain as domains compare: in small letters, `xn--` spelled out, without a final dot.
///
/// Letters are not folded further: `straße.example` and `strasse.example` may have two owners.
pub fn folded_domain(domain: &str) -> String {
    let mapped = spelled(domain.trim());
    let labels = mapped.trim_end_matches('.').split('.').map(|label| {
        // What is no punycode, or spells what would be written otherwise, stays as it is.
        match label.strip_prefix("xn--").and_then(decode) {
            Some(decoded) if !decoded.is_ascii() && spelled(&decoded) == decoded => decoded,
            Some(_) | None => label.to_owned(),
        }
    });
    labels.collect::<Vec<_>>().join(".")
}

/// Compatible letters as one, in small letters; an ideographic full stop is a dot.
fn spelled(text: &str) -> String {
    let small = text.nfkc().flat_map(char::to_lowercase).nfkc();
    small.map(|c| if c == '\u{3002}' { '.' } else { c }).collect()
}

/// Decodes a label without its `xn--` (RFC 3492).
fn decode(label: &str) -> Option<String> {
    const BASE: u32 = 36;
    let (basic, rest) = label.rsplit_once('-').unwrap_or(("", label));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128u32, 0u32, 72u32);
    let mut digits = rest.chars();
    while !digits.as_str().is_empty() {
        let (start, mut weight, mut k) = (i, 1u32, BASE);
        loop {
            let digit = match digits.next()? {
                c @ 'a'..='z' => c as u32 - 'a' as u32,
                c @ '0'..='9' => c as u32 - '0' as u32 + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
        }
        let count = u32::try_from(out.len()).ok()? + 1;
        bias = adapted(i - start, count, start == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        out.insert(i as usize, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}

/// The next bias (RFC 3492, 6.1).
fn adapted(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_domain_are_one() {
        for (address, domain) in [
            ("ann@globex.example", "globex.example"),
            (" Ann@GLOBEX.Example. ", "globex.example"),
            ("\"a@b\"@globex.example", "globex.example"),
            ("ann", ""),
            ("ann@", ""),
            ("ann@b\u{fc}cher.example", "b\u{fc}cher.example"),
            ("ann@bu\u{308}cher.example", "b\u{fc}cher.example"),
            ("ann@xn--bcher-kva.example", "b\u{fc}cher.example"),
            ("ann@XN--BCHER-KVA.example", "b\u{fc}cher.example"),
            ("ann@\u{4f8b}\u{3048}\u{3002}test", "\u{4f8b}\u{3048}.test"),
            ("ann@xn--r8jz45g.test", "\u{4f8b}\u{3048}.test"),
        ] {
            assert_eq!(home_domain(address), domain, "{address}");
        }
    }

    #[test]
    fn domains_of_two_owners_are_two() {
        assert_ne!(folded_domain("stra\u{df}e.example"), folded_domain("strasse.example"));
        assert_eq!(folded_domain("xn--strae-oqa.example"), folded_domain("stra\u{df}e.example"));
        assert_ne!(folded_domain("globex.example"), folded_domain("notglobex.example"));
        // A Cyrillic letter that looks like a Latin one.
        assert_ne!(folded_domain("gl\u{43e}bex.example"), folded_domain("globex.example"));
    }

    #[test]
    fn what_is_no_punycode_stays() {
        for label in ["xn--", "xn--\u{e9}", "xn--99999999", "xn--a-", "xn--globex-"] {
            assert_eq!(folded_domain(&format!("{label}.example")), format!("{label}.example"));
        }
    }
}
