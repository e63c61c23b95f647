use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(body: &str, expected: &str) {
    let found = event(body.as_bytes()).map_or("none".to_owned(), |event| event.facts().to_string());
    assert_eq!(found, expected, "{body}");
}

#[test]
fn deliveries() {
    check(
        "9C002AE5: to=<ok@sink.test>, relay=mx.test[192.0.2.1]:25, delay=0.2, delays=0/0.1/0/0.06, \
         dsn=2.0.0, status=sent (250 2.0.0 Ok: status=bounced, says the sink)",
        "postfix.sent success postfix.queue_id=9C002AE5 email.to.address=ok@sink.test \
         postfix.relay=mx.test[192.0.2.1]:25 smtp.response.enhanced_status_code=2.0.0 \
         error.message=250 2.0.0 Ok: status=bounced, says the sink",
    );
    check(
        "4bYv5x1kZqz6tm2: to=<amy@mail.test>, orig_to=<root@mail.test>, relay=none, conn_use=2, \
         delay=0.01, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to a[192.0.2.1]:25: refused)",
        "postfix.deferred failure postfix.queue_id=4bYv5x1kZqz6tm2 email.to.address=amy@mail.test \
         postfix.relay=none smtp.response.enhanced_status_code=4.4.1 \
         error.message=connect to a[192.0.2.1]:25: refused",
    );
    check(
        r#"9C002AE5: to=<"q>, relay=none, status=bounced ("@mail.test>, relay=local, dsn=2.0.0, status=sent (x)"#,
        r#"postfix.sent success postfix.queue_id=9C002AE5 email.to.address="q>, relay=none, status=bounced ("@mail.test postfix.relay=local smtp.response.enhanced_status_code=2.0.0 error.message=x"#,
    );
    check(
        "9C002AE5: to=<a@b>, relay=none, delay=0, status=undeliverable (x)",
        "postfix.verified postfix.queue_id=9C002AE5 email.to.address=a@b postfix.relay=none \
         error.message=x",
    );
    check(
        "9C002AE5: to=<a@b>, relay=none, status=whatever (x)",
        "none",
    );
    check("9C002AE5: to=<a@b", "none");
}

#[test]
fn rejects() {
    check(
        "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 450 4.7.1 <grey@mail.test>: Recipient \
         address rejected: Greylisted; status=sent in 300 s; from=<x@out.test> to=<grey@mail.test> \
         proto=ESMTP helo=<client.test>",
        "postfix.rejected failure source.address=203.0.113.9 email.from.address=x@out.test \
         email.to.address=grey@mail.test postfix.stage=RCPT smtp.response.status_code=450 \
         smtp.response.enhanced_status_code=4.7.1 error.message=<grey@mail.test>: Recipient address \
         rejected: Greylisted; status=sent in 300 s",
    );
    check(
        "A9108AFA: reject: RCPT from a.test[2001:db8::9]:4711: 554 5.7.1 <y@relay.test>: Relay access \
         denied; from=<> to=<y@relay.test> proto=ESMTP helo=<client.test>",
        "postfix.rejected failure source.address=2001:db8::9 source.port=4711 \
         postfix.queue_id=A9108AFA email.to.address=y@relay.test postfix.stage=RCPT \
         smtp.response.status_code=554 smtp.response.enhanced_status_code=5.7.1 \
         error.message=<y@relay.test>: Relay access denied",
    );
    // Postscreen's form.
    check(
        "NOQUEUE: reject: RCPT from [203.0.113.9]:4711: 550 5.7.1 Service unavailable; client \
         [203.0.113.9] blocked using bl.test; from=<a@b>, to=<c@d>, proto=ESMTP, helo=<x>",
        "postfix.rejected failure source.address=203.0.113.9 source.port=4711 \
         email.from.address=a@b email.to.address=c@d postfix.stage=RCPT \
         smtp.response.status_code=550 smtp.response.enhanced_status_code=5.7.1 \
         error.message=Service unavailable; client [203.0.113.9] blocked using bl.test",
    );
}

#[test]
fn what_a_client_writes_into_a_reject_decides_nothing() {
    // The recipient as the client gave it stands in the reply, and quoted at the end.
    let fake = "q; from=<f@f> to=<t@t> proto=SMTP helo=<h>";
    check(
        &format!(
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <{fake}@mail.test>: Recipient \
             address rejected: User unknown; from=<x@out.test> to=<\"{fake}\"@mail.test> proto=ESMTP \
             helo=<client.test>"
        ),
        &format!(
            "postfix.rejected failure source.address=203.0.113.9 email.from.address=x@out.test \
             email.to.address=\"{fake}\"@mail.test postfix.stage=RCPT smtp.response.status_code=550 \
             smtp.response.enhanced_status_code=5.1.1 error.message=<{fake}@mail.test>: Recipient \
             address rejected: User unknown"
        ),
    );
}

#[test]
fn only_recipients_are_rejected() {
    let refused = |stage: &str| {
        format!(
            "postfix.refused failure source.address=203.0.113.9 postfix.stage={stage} \
             smtp.response.status_code=554 smtp.response.enhanced_status_code=5.7.1 \
             error.message=go away"
        )
    };
    for stage in ["CONNECT", "HELO", "MAIL", "DATA", "END-OF-MESSAGE", "ETRN"] {
        let body = format!("NOQUEUE: reject: {stage} from unknown[203.0.113.9]: 554 5.7.1 go away");
        check(&body, &refused(stage));
    }
    check(
        "AC8BFAFC: milter-reject: END-OF-MESSAGE from unknown[203.0.113.9]: 5.7.1 Spam; \
         from=<a@b> to=<c@d> proto=ESMTP helo=<x>",
        "postfix.refused failure source.address=203.0.113.9 postfix.queue_id=AC8BFAFC \
         email.from.address=a@b email.to.address=c@d postfix.stage=END-OF-MESSAGE \
         smtp.response.enhanced_status_code=5.7.1 error.message=Spam",
    );
    check(
        "NOQUEUE: reject_warning: RCPT from unknown[203.0.113.9]: 554 5.7.1 x; from=<a@b> to=<c@d> \
         proto=ESMTP helo=<x>",
        "postfix.noted source.address=203.0.113.9 email.from.address=a@b email.to.address=c@d \
         postfix.stage=RCPT smtp.response.status_code=554 smtp.response.enhanced_status_code=5.7.1 \
         error.message=x",
    );
}

#[test]
fn content_is_the_senders_text() {
    check(
        "AC8BFAFC: reject: header Subject: from unknown[6.6.6.6]; from=<f@f> to=<t@t> proto=SMTP \
         helo=<h>: 5.7.1 x from unknown[198.51.100.7]; from=<x@out.test> to=<amy@mail.test> \
         proto=ESMTP helo=<client.test>: 5.7.1 we do not like this",
        "postfix.refused failure source.address=198.51.100.7 postfix.queue_id=AC8BFAFC \
         email.from.address=x@out.test email.to.address=amy@mail.test postfix.stage=header \
         smtp.response.enhanced_status_code=5.7.1 error.message=we do not like this",
    );
    check(
        "AEA2FB00: hold: header Subject: held from local; from=<x@out.test> to=<amy@mail.test>",
        "postfix.held postfix.queue_id=AEA2FB00 email.from.address=x@out.test \
         email.to.address=amy@mail.test postfix.stage=header",
    );
    check(
        "AE207AFE: warning: header Subject: warned status=sent from unknown[198.51.100.7]; \
         from=<x@out.test> to=<amy@mail.test> proto=ESMTP helo=<client.test>",
        "postfix.noted source.address=198.51.100.7 postfix.queue_id=AE207AFE \
         email.from.address=x@out.test email.to.address=amy@mail.test postfix.stage=header",
    );
}

#[test]
fn sasl() {
    let failed = |user: &str| {
        format!(
            "postfix.sasl_failed failure source.address=203.0.113.9{user} postfix.sasl_method=LOGIN \
             error.message=UGFzc3dvcmQ6"
        )
    };
    let line = "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6";
    check(line, &failed(""));
    check(
        &format!("{line}, sasl_username=amy"),
        &failed(" user.name=amy"),
    );
    check(
        &format!("{line}, sasl_username=b: SASL LOGIN authentication failed: x, sasl_username=c"),
        &failed(" user.name=b: SASL LOGIN authentication failed: x, sasl_username=c"),
    );
    check(
        &format!("message repeated 2 times: [ {line}]"),
        &format!("{} event.count=2", failed("")),
    );
    // The library's own words about the same failure.
    check(
        "warning: SASL authentication failure: Password verification failed",
        "none",
    );
    check(
        "D02D9B14: client=unknown[198.51.100.7], sasl_method=PLAIN, sasl_username=amy, sasl_sender=bob",
        "postfix.received success source.address=198.51.100.7 user.name=amy \
         postfix.sasl_method=PLAIN postfix.queue_id=D02D9B14",
    );
}

#[test]
fn the_life_of_a_message() {
    check(
        "9C002AE5: uid=1000 from=<amy>",
        "postfix.submitted success postfix.queue_id=9C002AE5 email.from.address=amy",
    );
    check(
        "9C002AE5: message-id=<status=sent@x>",
        "postfix.message_id postfix.queue_id=9C002AE5",
    );
    check(
        "9C002AE5: from=<root@mail.test>, size=301, nrcpt=3 (queue active)",
        "postfix.queued postfix.queue_id=9C002AE5 email.from.address=root@mail.test",
    );
    let expired = "postfix.expired failure postfix.queue_id=9C002AE5 email.from.address=a@b";
    check(
        "9C002AE5: from=<a@b>, status=expired, returned to sender",
        expired,
    );
    check(
        "9C002AE5: from=<a@b>, status=force-expired, returned to sender",
        expired,
    );
    check(
        "9C002AE5: removed",
        "postfix.removed postfix.queue_id=9C002AE5",
    );
    check(
        "9C002AE5: sender non-delivery notification: CD2ABB0E",
        "none",
    );
    check(
        "statistics: max connection rate 7/60s for (smtp:203.0.113.9) at Nov 21",
        "none",
    );
}

#[test]
fn rude_clients() {
    let abused = |rest: &str| format!("postfix.abused failure source.address=203.0.113.9 {rest}");
    check(
        "warning: non-SMTP command from unknown[203.0.113.9]: GET / HTTP/1.1",
        &abused("error.message=non-SMTP command"),
    );
    check(
        "warning: Illegal address syntax from unknown[203.0.113.9] in MAIL command: <a b>",
        &abused("error.message=illegal address syntax"),
    );
    check(
        "too many errors after UNKNOWN from unknown[203.0.113.9]",
        &abused("postfix.stage=UNKNOWN error.message=too many errors"),
    );
    check(
        "improper command pipelining after EHLO from unknown[203.0.113.9]: QUIT",
        &abused("postfix.stage=EHLO error.message=improper command pipelining"),
    );
    check(
        "warning: Connection rate limit exceeded: 31 from unknown[203.0.113.9] for service smtp",
        &abused("error.message=Connection rate limit exceeded"),
    );
    check(
        "lost connection after DATA (512 bytes) from unknown[203.0.113.9]",
        "postfix.disconnected source.address=203.0.113.9 postfix.stage=DATA \
         error.message=lost connection",
    );
    check(
        "NOQUEUE: lost connection after CONNECT from unknown[203.0.113.9]",
        "postfix.disconnected source.address=203.0.113.9 postfix.stage=CONNECT \
         error.message=lost connection",
    );
    check(
        "9C002AE5: timeout after DATA from unknown[203.0.113.9]",
        "postfix.disconnected source.address=203.0.113.9 postfix.queue_id=9C002AE5 \
         postfix.stage=DATA error.message=timeout",
    );
    check(
        "warning: hostname a.test does not resolve to address 203.0.113.9: Name or service not known",
        "postfix.name_mismatch source.address=203.0.113.9",
    );
    check(
        "PREGREET 14 after 0.1 from [203.0.113.9]:4711: EHLO ylmf-pc\\r\\n",
        "postfix.screened failure source.address=203.0.113.9 source.port=4711 error.message=PREGREET",
    );
    check("connect from unknown[unknown]", "postfix.connected");
    check(
        "fatal: no SASL authentication mechanisms",
        "postfix.trouble failure error.message=no SASL authentication mechanisms",
    );
}

#[test]
fn reasons_in_short() {
    let short = |reason: &str| {
        let event = Event {
            reason: reason.as_bytes(),
            ..Event::of(Kind::Rejected)
        };
        String::from_utf8_lossy(event.reason_in_short()).into_owned()
    };
    assert_eq!(
        short("<y@relay.test>: Relay access denied"),
        "Relay access denied"
    );
    assert_eq!(
        short("Service unavailable; Client host [192.0.2.1] blocked using bl.test; see there"),
        "blocked using bl.test"
    );
    assert_eq!(
        short("Client host rejected: cannot find your hostname, [192.0.2.1]"),
        "Client host rejected: cannot find your hostname"
    );
}

#[test]
fn programs() {
    assert!(DAEMONS.is_sorted());
    for app in [
        "postfix/smtpd",
        "postfix/submission/smtpd",
        "postfix-out/smtp",
        "mta/qmgr",
        "postfix",
    ] {
        assert!(is_postfix(app.as_bytes()), "{app}");
    }
    for app in [
        "smtpd",
        "/smtpd",
        "postfix/",
        "postfix/evil",
        "",
        "sendmail",
    ] {
        assert!(!is_postfix(app.as_bytes()), "{app}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        head in prop_oneof![
            Just("9C002AE5: to=<"), Just("9C002AE5: from=<"), Just("NOQUEUE: reject: RCPT from "),
            Just("9C002AE5: reject: header "), Just("warning: "), Just("message repeated "),
            Just("9C002AE5: client="), Just("lost connection after "), Just("DNSBL rank 3 for "), Just(""),
        ],
        tail in "[<>(),;:\" =a-c1.\\[\\]fromtsu\u{ff}]{0,60}",
    ) {
        let body = format!("{head}{tail}");
        if let Some(event) = event(body.as_bytes()) {
            prop_assert!(!event.facts().to_string().is_empty());
            prop_assert!(event.reason_in_short().len() <= body.len());
        }
    }
}
