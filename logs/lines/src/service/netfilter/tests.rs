use super::*;

#[track_caller]
fn check(body: &str, expected: &str) {
    let found = event(body.as_bytes()).map_or("none".to_owned(), |event| event.facts().to_string());
    assert_eq!(found, expected, "{body}");
}

const PACKET: &str = "IN=eth0 OUT= MAC=02:00:00:00:00:01:08:00 SRC=192.0.2.7 DST=198.51.100.1 LEN=40 \
                      TOS=0x00 PREC=0x00 TTL=245 ID=37308 PROTO=TCP SPT=8080 DPT=22 WINDOW=1024 \
                      RES=0x00 SYN URGP=0";
const FACTS: &str = "source.address=192.0.2.7 source.port=8080 destination.address=198.51.100.1 \
                     destination.port=22 network.transport=tcp observer.ingress.interface.name=eth0";

#[test]
fn the_prefix_tells_the_fate() {
    let blocked = [
        "[UFW BLOCK]",
        "[UFW LIMIT BLOCK]",
        "iptables-dropped:",
        "FINAL_REJECT:",
        "Shorewall:net2fw:DROP:",
        "nft denied",
        "STATE_INVALID_DROP:",
        "f2b-ban:",
    ];
    for prefix in blocked {
        let line = format!("[50028442.088484] {prefix} {PACKET}");
        check(
            &line,
            &format!("kernel.blocked failure {FACTS} rule.name={prefix}"),
        );
    }
    for prefix in [
        "[UFW ALLOW]",
        "[UFW AUDIT]",
        "[UFW AUDIT INVALID]",
        "ssh-new:",
        "ACCEPT in",
    ] {
        let line = format!("{prefix} {PACKET}");
        check(&line, &format!("kernel.logged {FACTS} rule.name={prefix}"));
    }
    check(PACKET, &format!("kernel.blocked failure {FACTS}"));
    check(
        &format!("DROP{PACKET}"),
        &format!("kernel.blocked failure {FACTS} rule.name=DROP"),
    );
}

#[test]
fn other_packets() {
    check(
        "drop IN= OUT=eth0 SRC=2001:db8::1 DST=2001:db8::2 LEN=72 HOPLIMIT=64 PROTO=UDP SPT=1 DPT=53 LEN=32",
        "kernel.blocked failure source.address=2001:db8::1 source.port=1 \
         destination.address=2001:db8::2 destination.port=53 network.transport=udp \
         observer.egress.interface.name=eth0 rule.name=drop",
    );
    check(
        "drop IN=eth0 OUT= SRC=192.0.2.7 DST=192.0.2.1 PROTO=ICMP TYPE=3 CODE=3 \
         [SRC=192.0.2.1 DST=192.0.2.7 LEN=60 PROTO=UDP SPT=5 DPT=53 LEN=40 ]",
        "kernel.blocked failure source.address=192.0.2.7 source.port=5 \
         destination.address=192.0.2.1 destination.port=53 network.transport=icmp \
         observer.ingress.interface.name=eth0 rule.name=drop",
    );
    check("usb 1-1: IN=2 SRC=x", "none");
    check("DROP IN=eth0 OUT= SRC=192.0.2.7", "none");
}

#[test]
fn what_the_kernel_finds_strange() {
    check(
        "IPv4: martian source 192.0.2.1 from 10.0.0.7, on dev eth0",
        "kernel.martian failure source.address=10.0.0.7 destination.address=192.0.2.1 \
         observer.ingress.interface.name=eth0",
    );
    check(
        "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:8080. Sending cookies.  Check SNMP counters.",
        "kernel.syn_flood failure destination.port=8080",
    );
    check(
        "possible SYN flooding on port 80. Sending cookies.",
        "kernel.syn_flood failure destination.port=80",
    );
    check("martian header: 00000000: ff ff", "none");
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(
        head in proptest::sample::select(vec!["[1.2] ", "IN=", "martian source ", "x IN= SRC=1.2.3.4 DST=", ""]),
        tail in proptest::prelude::any::<Vec<u8>>(),
    ) {
        let body = [head.as_bytes(), &tail].concat();
        proptest::prop_assert!(event(&body).is_none_or(|event| event.source.len() <= body.len()));
    }
}
