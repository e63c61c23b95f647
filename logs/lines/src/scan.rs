//! Small steps over bytes that every parser here takes.

use std::net::IpAddr;

/// The bytes up to the first space, and what follows it.
///
/// Tokens are short: a loop beats a vectorised search here.
#[inline]
pub(crate) fn token(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b' ') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The last token, and what stands before the space in front of it.
pub(crate) fn last_token(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().rposition(|byte| *byte == b' ')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// A decimal number of digits only.
#[inline]
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// Two decimal digits at `at`.
pub(crate) fn two_digits(bytes: &[u8], at: usize) -> Option<u32> {
    let pair = bytes.get(at..at + 2)?;
    let (tens, ones) = (pair[0].wrapping_sub(b'0'), pair[1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Four decimal digits at `at`.
pub(crate) fn four_digits(bytes: &[u8], at: usize) -> Option<u32> {
    Some(two_digits(bytes, at)? * 100 + two_digits(bytes, at + 2)?)
}

/// A month's English short name, 1 to 12.
pub(crate) fn month(bytes: &[u8]) -> Option<u32> {
    Some(match bytes.get(..3)? {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Whether the bytes are an IPv4 or IPv6 address.
pub(crate) fn is_ip(bytes: &[u8]) -> bool {
    if bytes.first().is_some_and(u8::is_ascii_digit) && is_ipv4(bytes) {
        return true;
    }
    bytes.contains(&b':') && parse_ip(bytes).is_some()
}

fn is_ipv4(bytes: &[u8]) -> bool {
    let (mut dots, mut digits, mut value) = (0, 0, 0u32);
    for byte in bytes {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && value <= 255 => {
                dots += 1;
                (digits, value) = (0, 0);
            }
            _ => return false,
        }
    }
    dots == 3 && digits > 0 && value <= 255
}

fn parse_ip(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.split('%').next()?;
    text.parse().ok()
}

/// Whether the bytes could be an address or a host's name: what a daemon prints for a peer.
pub(crate) fn is_peer(bytes: &[u8]) -> bool {
    matches!(bytes.len(), 1..=PEER_BYTES_MAX) && bytes.iter().all(|byte| PEER[usize::from(*byte)])
}

/// The peer that ends the text, and what stands before the space in front of it.
#[inline]
pub(crate) fn peer_at_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = text.len();
    while start > 0 && PEER[usize::from(text[start - 1])] {
        start -= 1;
    }
    if !matches!(text.len() - start, 1..=PEER_BYTES_MAX) {
        return None;
    }
    match start {
        0 => Some((b"", text)),
        _ if text[start - 1] == b' ' => Some((&text[..start - 1], &text[start..])),
        _ => None,
    }
}

/// The port that ends the text, and what stands before ` port `.
#[inline]
pub(crate) fn port_at_end(text: &[u8]) -> Option<(&[u8], u16)> {
    let (mut start, mut port, mut scale) = (text.len(), 0u32, 1u32);
    while start > 0 && scale <= 10_000 {
        let digit = text[start - 1].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        port += u32::from(digit) * scale;
        scale *= 10;
        start -= 1;
    }
    let before = text[..start].strip_suffix(b" port ")?;
    Some((before, u16::try_from(port).ok().filter(|_| scale > 1)?))
}

const PEER_BYTES_MAX: usize = 255;

/// The bytes that addresses and names of hosts are made of.
const PEER: [bool; 256] = {
    let mut peer = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        peer[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'%');
        byte += 1;
    }
    peer
};

/// An address without the prefix of an IPv4 address mapped into IPv6.
pub(crate) fn unmapped(address: &[u8]) -> &[u8] {
    match address {
        [
            b':',
            b':',
            b'f' | b'F',
            b'f' | b'F',
            b'f' | b'F',
            b'f' | b'F',
            b':',
            v4 @ ..,
        ] if is_ipv4(v4) => v4,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        for good in [
            "1.2.3.4",
            "255.255.255.255",
            "::1",
            "fe80::1%eth0",
            "::ffff:1.2.3.4",
        ] {
            assert!(is_ip(good.as_bytes()), "{good}");
        }
        for bad in [
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1..2.3",
            "a.b.c.d",
            "",
            "::g",
            "12:30",
        ] {
            assert!(!is_ip(bad.as_bytes()), "{bad}");
        }
        assert_eq!(unmapped(b"::ffff:10.0.0.1"), b"10.0.0.1");
        assert_eq!(unmapped(b"::ffff:zz"), b"::ffff:zz");
    }

    #[test]
    fn numbers_have_digits_only() {
        assert_eq!(number(b"042"), Some(42));
        assert_eq!(number(b""), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(
            number(b"9999999999999999999"),
            Some(9_999_999_999_999_999_999)
        );
        assert_eq!(number(b"99999999999999999999"), None);
    }
}
