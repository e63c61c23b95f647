use proptest::prelude::*;

use super::*;

/// kind method user source port ×repeat; `?` marks an unknown user, `-` what is not there.
fn shown(body: &[u8]) -> String {
    let Some(event) = event(body) else {
        return "none".to_owned();
    };
    let text = |bytes: &[u8]| match bytes {
        b"" => "-".to_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let user = event.user.map_or("-".to_owned(), |user| {
        format!("<{}>", String::from_utf8_lossy(&user.bytes()))
    });
    let port = event.port.map_or("-".to_owned(), |port| port.to_string());
    let unknown = if event.unknown_user { "?" } else { "" };
    let kind = event.kind.name().trim_start_matches("sshd.");
    let repeat = event.repeat;
    format!(
        "{kind} {} {unknown}{user} {} {port} x{repeat}",
        text(event.method),
        text(event.source)
    )
}

fn check(body: &str, expected: &str) {
    assert_eq!(shown(body.as_bytes()), expected, "{body}");
}

#[test]
fn attempts() {
    check(
        "Failed password for root from 10.0.0.7 port 51022 ssh2",
        "failed password <root> 10.0.0.7 51022 x1",
    );
    check(
        "Failed password for invalid user ora from fe80::1%eth0 port 1 ssh2",
        "failed password ?<ora> fe80::1%eth0 1 x1",
    );
    check(
        "Failed none for invalid user  from 10.0.0.7 port 5 ssh2",
        "failed none ?<> 10.0.0.7 5 x1",
    );
    check(
        "Failed publickey for amy from ::ffff:10.0.0.7 port 5 ssh2: ED25519 SHA256:q+/x",
        "failed publickey <amy> 10.0.0.7 5 x1",
    );
    check(
        "Accepted publickey for amy from 10.0.0.7 port 5 ssh2: RSA-CERT SHA256:q ID x from 6.6.6.6 port 6 ssh2 (serial 0) CA",
        "accepted publickey <amy> 10.0.0.7 5 x1",
    );
    check(
        "Failed keyboard-interactive/pam for invalid user b from 10.0.0.7 port 5 ssh2 [preauth]",
        "failed keyboard-interactive/pam ?<b> 10.0.0.7 5 x1",
    );
    check("Accepted certificate ID \"a\" signed by b", "none");
    check("Failed password for root", "none");
}

#[test]
fn names_that_read_like_the_rest_of_the_line() {
    check(
        "Failed password for invalid user a from 1.2.3.4 port 22 ssh2 from 10.0.0.7 port 5 ssh2",
        "failed password ?<a from 1.2.3.4 port 22 ssh2> 10.0.0.7 5 x1",
    );
    check(
        "Failed password for invalid user from from 10.0.0.7 port 5 ssh2",
        "failed password ?<from> 10.0.0.7 5 x1",
    );
    check(
        "Failed password for invalid from 10.0.0.7 port 5 ssh2",
        "failed password <invalid> 10.0.0.7 5 x1",
    );
    check(
        "Failed password for invalid user invalid user x from 10.0.0.7 port 5 ssh2",
        "failed password ?<invalid user x> 10.0.0.7 5 x1",
    );
    check(
        "Invalid user x from 1.2.3.4 port 9 from 10.0.0.7 port 5",
        "invalid_user - ?<x from 1.2.3.4 port 9> 10.0.0.7 5 x1",
    );
    check(
        "Invalid user  from 10.0.0.7 port 5",
        "invalid_user - ?<> 10.0.0.7 5 x1",
    );
    check(
        "Invalid user x from 10.0.0.7",
        "invalid_user - ?<x> 10.0.0.7 - x1",
    );
    check(
        "Connection closed by invalid user x 1.2.3.4 port 9 10.0.0.7 port 5 [preauth]",
        "probe - ?<x 1.2.3.4 port 9> 10.0.0.7 5 x1",
    );
}

#[test]
fn names_are_decoded() {
    check(
        r"Failed password for invalid user m\303\274ller from 10.0.0.7 port 5 ssh2",
        "failed password ?<müller> 10.0.0.7 5 x1",
    );
    check(
        r"Connection closed by invalid user m\\303\\274ller 10.0.0.7 port 5 [preauth]",
        "probe - ?<müller> 10.0.0.7 5 x1",
    );
    let long = "n".repeat(140);
    let cut = "n".repeat(100);
    check(
        &format!("Connection closed by invalid user {long} 10.0.0.7 port 5 [preauth]"),
        &format!("probe - ?<{cut}> 10.0.0.7 5 x1"),
    );
}

#[test]
fn ends() {
    check(
        "Connection closed by authenticating user root 10.0.0.7 port 5 [preauth]",
        "probe - <root> 10.0.0.7 5 x1",
    );
    check(
        "Connection reset by invalid user  10.0.0.7 port 5 [preauth]",
        "probe - ?<> 10.0.0.7 5 x1",
    );
    check(
        "Disconnected from authenticating user root ::1 port 5 [preauth]",
        "probe - <root> ::1 5 x1",
    );
    check(
        "Disconnecting invalid user a ::1 port 5: Too many authentication failures [preauth]",
        "probe - ?<a> ::1 5 x1",
    );
    check(
        "Disconnecting authenticating user a 10.0.0.7 port 5: Change of username or service not allowed: (a,ssh) -> (b,ssh) [preauth]",
        "ended - <a> 10.0.0.7 5 x1",
    );
    check(
        "Connection closed by 10.0.0.7 port 5 [preauth]",
        "ended - - 10.0.0.7 5 x1",
    );
    check(
        "Connection closed by 10.0.0.7 [preauth]",
        "ended - - 10.0.0.7 - x1",
    );
    check(
        "Disconnected from user amy 10.0.0.7 port 5",
        "ended - <amy> 10.0.0.7 5 x1",
    );
    check(
        "Disconnected from nobad user ftp 10.0.0.7 port 5 [preauth]",
        "none",
    );
    check(
        "fatal: Timeout before authentication for 10.0.0.7 port 5",
        "ended - - 10.0.0.7 5 x1",
    );
    check(
        "Timeout before authentication for connection from 10.0.0.7 to 10.0.0.1, pid = 12",
        "ended - - 10.0.0.7 - x1",
    );
    check("Close session: user amy from 10.0.0.7 port 5 id 0", "none");
}

#[test]
fn the_other_lines() {
    check(
        "error: PAM: Authentication failure for amy from 10.0.0.7",
        "pam_failure pam <amy> 10.0.0.7 - x1",
    );
    check(
        "error: PAM: User not known to the underlying authentication module for illegal user b from h.example",
        "pam_failure pam ?<b> h.example - x1",
    );
    check(
        "error: PAM: Permission denied for amy from 10.0.0.7",
        "none",
    );
    check(
        "User amy from 10.0.0.7 not allowed because not listed in AllowUsers",
        "denied - <amy> 10.0.0.7 - x1",
    );
    check(
        "refused connect from x.example (::ffff:10.0.0.7)",
        "refused - - 10.0.0.7 - x1",
    );
    check(
        "drop connection #11 from [10.0.0.7]:5 on [10.0.0.1]:22 past MaxStartups",
        "refused - - 10.0.0.7 5 x1",
    );
    check(
        "Unable to negotiate with 10.0.0.7 port 5: no matching key exchange method found. Their offer: a: b [preauth]",
        "protocol - - 10.0.0.7 5 x1",
    );
    check(
        "Bad protocol version identification 'GET / from 1.2.3.4 port 1' from 10.0.0.7 port 5",
        "protocol - - 10.0.0.7 5 x1",
    );
    check(
        "banner exchange: Connection from 10.0.0.7 port 5: invalid format",
        "protocol - - 10.0.0.7 5 x1",
    );
    check(
        "Did not receive identification string from 10.0.0.7 port 5",
        "protocol - - 10.0.0.7 5 x1",
    );
    check("Server listening on 0.0.0.0 port 22.", "none");
}

#[test]
fn what_stands_behind_the_protocol_is_not_the_peer() {
    check(
        "Failed password for amy from 10.0.0.7 port 5 ssh1: ruser from 6.6.6.6",
        "failed password <amy> 10.0.0.7 5 x1",
    );
    check(
        "Failed password for invalid user b from 10.0.0.7 port 5 ssh2: from 6.6.6.6 port 6 ssh2",
        "failed password ?<b> 10.0.0.7 5 x1",
    );
    check(
        "Failed password for amy from fe80::7 port 5 ssh2",
        "failed password <amy> fe80::7 5 x1",
    );
}

#[test]
fn lines_that_say_who_but_count_nothing() {
    check(
        "Received disconnect from 10.0.0.7 port 5:11: Bye [preauth]",
        "leaving - - 10.0.0.7 5 x1",
    );
    check(
        "error: Received disconnect from 10.0.0.7: 3: from 6.6.6.6: Auth fail [preauth]",
        "leaving - - 10.0.0.7 - x1",
    );
    check(
        "error: maximum authentication attempts exceeded for invalid user b from 10.0.0.7 port 5 ssh2 [preauth]",
        "exhausted - ?<b> 10.0.0.7 5 x1",
    );
    check(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7  user=amy",
        "pam_module pam <amy> 10.0.0.7 - x1",
    );
    check(
        "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7",
        "pam_module pam - 10.0.0.7 - x2",
    );
    check(
        "pam_unix(sudo:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7",
        "none",
    );
    check(
        "reverse mapping checking getaddrinfo for h.example [10.0.0.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
        "unmapped - - 10.0.0.7 - x1",
    );
    check(
        "Address 10.0.0.7 maps to h.example, but this does not map back to the address.",
        "unmapped - - 10.0.0.7 - x1",
    );
}

#[test]
fn lines_that_name_only_a_user() {
    check(
        "input_userauth_request: invalid user b [preauth]",
        "asked - ?<b> - - x1",
    );
    check(
        "Disconnecting: Too many authentication failures for amy [preauth]",
        "exhausted - <amy> - - x1",
    );
    check(
        "Disconnecting: Too many authentication failures [preauth]",
        "exhausted - - - - x1",
    );
    check(
        "pam_unix(sshd:session): session opened for user amy(uid=1000) by (uid=0)",
        "session pam <amy> - - x1",
    );
    check(
        "pam_unix(sshd:session): session closed for user amy",
        "session pam <amy> - - x1",
    );
}

#[test]
fn refusals_of_other_systems() {
    check(
        "[ID 800047 auth.info] Failed keyboard-interactive for amy from 10.0.0.7 port 5 ssh2",
        "failed keyboard-interactive <amy> 10.0.0.7 5 x1",
    );
    check("[ID 1 a] [ID 1 a] Invalid user b from 10.0.0.7", "none");
    check(
        "error: PAM: authentication error for amy from h.example via 10.0.0.1",
        "pam_failure pam <amy> h.example - x1",
    );
    check(
        "error: PAM: User not known to the underlying authentication module for illegal user b from 10.0.0.7 ",
        "pam_failure pam ?<b> 10.0.0.7 - x1",
    );
    check(
        "ROOT LOGIN REFUSED FROM ::ffff:10.0.0.7 port 5 [preauth]",
        "denied - <root> 10.0.0.7 5 x1",
    );
    check(
        "User amy not allowed because account is locked",
        "denied - <amy> - - x1",
    );
    check(
        "Illegal user b from 10.0.0.7",
        "invalid_user - ?<b> 10.0.0.7 - x1",
    );
    check(
        "ssh_dispatch_run_fatal: Connection from authenticating user amy 10.0.0.7 port 5: Broken pipe [preauth]",
        "protocol - <amy> 10.0.0.7 5 x1",
    );
    check(
        "fatal: Unable to negotiate with 10.0.0.7 port 5: no matching cipher found. Their offer: x",
        "protocol - - 10.0.0.7 5 x1",
    );
    check(
        "error: kex_exchange_identification: banner line contains invalid characters",
        "protocol - - - - x1",
    );
    check(
        "scanned from 10.0.0.7 with SSH-1.0-x.  Don't panic.",
        "protocol - - 10.0.0.7 - x1",
    );
}

#[test]
fn repeats_are_unfolded_within_reason() {
    check(
        "message repeated 3 times: [ Failed password for root from 10.0.0.7 port 5 ssh2]",
        "failed password <root> 10.0.0.7 5 x3",
    );
    check(
        "message repeated 99999999999 times: [ Failed password for root from 10.0.0.7 port 5 ssh2]",
        "failed password <root> 10.0.0.7 5 x1",
    );
    check(
        "message repeated 0 times: [ Failed password for root from 10.0.0.7 port 5 ssh2]",
        "failed password <root> 10.0.0.7 5 x1",
    );
    check("message repeated x times: [ y]", "none");
}

#[test]
fn the_programs_names() {
    assert!(is_sshd(b"sshd-session") && is_sshd(b"sshd") && is_sshd(b"sshd-auth"));
    assert!(!is_sshd(b"sshd.evil") && !is_sshd(b"sudo"));
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        head in prop_oneof![
            Just("Failed password for "), Just("Invalid user "), Just("Connection closed by "),
            Just("Disconnecting "), Just("error: PAM: Authentication failure for "),
            Just("message repeated 2 times: [ "), Just("User "), Just("drop connection #"), Just(""),
            Just("Received disconnect from "), Just("error: "), Just("[ID "), Just("Address "),
            Just("reverse mapping checking "), Just("pam_unix(sshd:auth): authentication failure; "),
        ],
        tail in "[ a-z0-9.:\\[\\]]{0,40}( from| port| ssh2)?( [0-9.]{1,9})?",
        noise in any::<Vec<u8>>(),
    ) {
        let body = [head.as_bytes(), tail.as_bytes(), &noise].concat();
        prop_assert!(event(&body).is_none_or(|event| event.repeat >= 1));
    }

    /// Whatever a peer calls itself, the address is the one sshd wrote.
    #[test]
    fn no_name_moves_the_address(name in "[^:\\x00\n]{0,60}") {
        let body = format!("Failed password for invalid user {name} from 10.9.8.7 port 77 ssh2");
        let event = event(body.as_bytes()).expect("it is a failed attempt");
        prop_assert_eq!(event.source, b"10.9.8.7");
        prop_assert_eq!(event.port, Some(77));
    }
}
