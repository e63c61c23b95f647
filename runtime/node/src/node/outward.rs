//! The addresses under which others can dial this host.
//!
//! A socket that takes any address has none that could be told: it is replaced by the host's own,
//! as the kernel lists them. The one this host speaks from by default comes first, since a peer
//! tries them in turn; bridges of containers and the like come last.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use skep_mesh::ADDRESSES_MAX;

/// Flags of an IPv6 address that cannot be used (yet, or any more): deprecated, failed, tentative.
const IPV6_UNUSABLE: u8 = 0x20 | 0x08 | 0x40;

/// The column of `/proc/net/if_inet6` that says how far an address reaches: everywhere.
const IPV6_GLOBAL: &str = "00";

/// The addresses to tell others for a socket that listens at `listen`: itself, or for an unspecified
/// one at most [`ADDRESSES_MAX`] of this host's own, without loopback and link-local ones.
#[must_use]
pub fn outward(listen: SocketAddr) -> Vec<SocketAddr> {
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    let table = |path| fs::read_to_string(path).unwrap_or_default();
    let v4 = ipv4(&table("/proc/net/fib_trie"));
    let v6 = ipv6(&table("/proc/net/if_inet6"));
    choose(listen, speaks_from(), v4, v6)
}

fn choose(
    listen: SocketAddr,
    first: Vec<IpAddr>,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
) -> Vec<SocketAddr> {
    let all = first
        .into_iter()
        .chain(v4.into_iter().map(IpAddr::V4))
        .chain(v6.into_iter().map(IpAddr::V6));
    let mut chosen: Vec<SocketAddr> = Vec::new();
    // A socket of the older protocol hears only that; one of the newer hears both.
    for ip in all.filter(|ip| is_dialled(*ip) && (ip.is_ipv4() || listen.is_ipv6())) {
        let address = SocketAddr::new(ip, listen.port());
        if chosen.len() < ADDRESSES_MAX && !chosen.contains(&address) {
            chosen.push(address);
        }
    }
    chosen
}

/// Whether another host could mean this one by the address.
fn is_dialled(ip: IpAddr) -> bool {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !is_local && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
}

/// Where this host would speak from to hosts far away. Nothing is sent.
fn speaks_from() -> Vec<IpAddr> {
    // TEST-NET-1 and the documentation prefix (RFC 5737, RFC 3849): routed like any other, owned by
    // nobody.
    let documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let ways: [(IpAddr, IpAddr); 2] = [
        (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        (Ipv6Addr::UNSPECIFIED.into(), documentation.into()),
    ];
    let found = ways.into_iter().filter_map(|(any, to)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    found.collect()
}

/// The host's addresses in a dump of the kernel's routes: a leaf `|-- ADDRESS` with `host LOCAL`
/// below it.
fn ipv4(routes: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in routes.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            // The dump may show a route in more than one of its tables.
            found.extend(leaf.filter(|address| !found.contains(address)));
        }
    }
    found
}

/// The host's addresses in the kernel's list: address, interface, prefix, scope, flags, name.
fn ipv6(list: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let address = u128::from_str_radix(columns.next()?, 16).ok()?;
        let scope = columns.nth(2)?;
        let flags = u8::from_str_radix(columns.next()?, 16).ok()?;
        let is_usable = scope == IPV6_GLOBAL && flags & IPV6_UNUSABLE == 0;
        is_usable.then(|| Ipv6Addr::from_bits(address))
    };
    list.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Synthetic, in the form of Linux 6.
    const ROUTES: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.7.0.0/24 2 0 2
        |-- 10.7.0.0
           /24 link UNICAST
        |-- 10.7.0.5
           /32 host LOCAL
        |-- 10.7.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 169.254.9.1
        /32 host LOCAL
     |-- 172.17.0.1
        /32 host LOCAL
Local:
     |-- 10.7.0.5
        /32 host LOCAL
";

    /// Synthetic: loopback, link-local, global, tentative.
    const LIST: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 02 40 20 80     eth0
fd070000000000000000000000000005 02 40 00 82     eth0
fd070000000000000000000000000006 02 40 00 c0     eth0
";

    fn check(listen: &str, first: &[&str], expected: &[&str]) {
        let first = first.iter().map(|ip| ip.parse().unwrap()).collect();
        let found = choose(listen.parse().unwrap(), first, ipv4(ROUTES), ipv6(LIST));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{listen}");
    }

    #[test]
    fn what_others_can_dial_is_told_and_the_usual_way_comes_first() {
        let v4 = ["10.7.0.5:7400", "172.17.0.1:7400"];
        check("0.0.0.0:7400", &[], &v4);
        check(
            "0.0.0.0:7400",
            &["172.17.0.1"],
            &["172.17.0.1:7400", "10.7.0.5:7400"],
        );
        check("0.0.0.0:7400", &["fd07::5"], &v4);
        check(
            "[::]:1",
            &["fd07::5"],
            &["[fd07::5]:1", "10.7.0.5:1", "172.17.0.1:1"],
        );
    }

    #[test]
    fn no_more_are_told_than_a_peer_would_try() {
        let many = (0..200).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
        let listen = "0.0.0.0:7400".parse().unwrap();
        assert_eq!(
            choose(listen, Vec::new(), many, Vec::new()).len(),
            ADDRESSES_MAX
        );
    }

    #[test]
    fn an_address_of_one_interface_is_told_as_it_is() {
        for text in ["10.0.0.1:7400", "127.0.0.1:1", "[::1]:7400"] {
            let listen = text.parse().unwrap();
            assert_eq!(outward(listen), [listen]);
        }
    }

    #[test]
    fn tables_in_another_form_hold_nothing() {
        for text in ["", "|-- x\n/32 host LOCAL\n", "zz 01\n", "00 01 02 03\n"] {
            assert_eq!((ipv4(text), ipv6(text)), (Vec::new(), Vec::new()), "{text}");
        }
    }
}
