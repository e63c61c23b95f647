use crate::digest::render;
use crate::digest::testkit::check;
use crate::digest::testkit::report;

/// Synthetic: lines of ufw, iptables and the kernel itself, after their documented forms.
const LOG: &str = "\
Feb 12 14:10:21 h kernel: [ 12.1] [UFW BLOCK] IN=eth0 OUT= MAC=02 SRC=192.0.2.7 DST=198.51.100.1 LEN=40 PROTO=TCP SPT=5 DPT=22 SYN
Feb 12 14:10:22 h kernel: [ 12.2] [UFW BLOCK] IN=eth0 OUT= MAC=02 SRC=192.0.2.7 DST=198.51.100.1 LEN=40 PROTO=TCP SPT=6 DPT=23 SYN
Feb 12 14:10:23 h kernel: [ 12.3] [UFW ALLOW] IN=eth0 OUT= MAC=02 SRC=192.0.2.8 DST=198.51.100.1 LEN=40 PROTO=UDP SPT=7 DPT=53 LEN=9
Feb 12 14:10:24 h kernel: IN=eth1 OUT= SRC=2001:db8::7 DST=2001:db8::1 LEN=40 PROTO=ICMPv6 TYPE=128 CODE=0
Feb 12 14:10:25 h kernel: IPv4: martian source 192.0.2.1 from 10.0.0.7, on dev eth0
Feb 12 14:10:26 h kernel: TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.
Feb 12 14:10:27 h app: [UFW BLOCK] IN=eth0 OUT= MAC=02 SRC=192.0.2.9 DST=198.51.100.1 LEN=40 PROTO=TCP SPT=5 DPT=22 SYN
Feb 12 14:10:28 h kernel: usb 1-1: new high-speed USB device number 2
";

#[test]
fn only_what_was_stopped_is_blocked() {
    check("kernel", LOG, "blocked 3");
}

#[test]
fn a_kernel_digest_reads_like_this() {
    insta::assert_snapshot!(render("kernel", &report("kernel", LOG)));
}

/// Synthetic: rsyslog folds equal lines of one program that come one after another.
const FOLDED: &str = "\
Feb 12 14:10:21 h kernel: [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.7 DST=198.51.100.1 LEN=40 PROTO=TCP SPT=5 DPT=22 SYN
Feb 12 14:10:22 h kernel: message repeated 9 times: [ [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.7 DST=198.51.100.1 LEN=40 PROTO=TCP SPT=5 DPT=22 SYN]
";

#[test]
fn folded_lines_count_as_often_as_they_say() {
    check("kernel", FOLDED, "blocked 10");
}
