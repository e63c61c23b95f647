use std::sync::OnceLock;

use bytes::Bytes;
use skep_packet::{Level, NodeId, encode};

use super::*;
use crate::{
    LOGIN_LIFE_MS, LoginTerms, PrivateKey, Session, Who, check_login, sign_object,
    testkit::{NOW_MS, key, world},
};

const SERVICE: &str = "logwatch.generate.digest";
const PAYLOAD: &[u8] = b"{\"collectors\":[\"sshd\"]}";

struct People {
    ann: PrivateKey,
    passport: Signed,
    session_key: PrivateKey,
}

fn people() -> &'static People {
    static PEOPLE: OnceLock<People> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let ann = key();
        let authority = &world().authority;
        let passport = authority.admit_operator(
            &crate::OperatorTerms::any("ann", Level::Operator),
            ann.public(),
            NOW_MS,
        );
        People {
            passport: passport.unwrap(),
            ann,
            session_key: key(),
        }
    })
}

fn terms() -> LoginTerms {
    LoginTerms {
        swarm: world().a.swarm(),
        nonce: Bytes::from_static(b"nonce"),
        router: NodeId::new("a").unwrap(),
        binding: Bytes::from_static(b"unix"),
    }
}

fn session_with(passport: &Signed, operator: &PrivateKey, terms: LoginTerms) -> Session {
    let key = people().session_key.clone();
    Session::open(operator, passport.clone(), key, terms, NOW_MS).unwrap()
}

fn session() -> Session {
    session_with(&people().passport, &people().ann, terms())
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn role(text: &str) -> RoleName {
    RoleName::new(text).unwrap()
}

fn good_proof() -> Bytes {
    session()
        .request(SERVICE, PAYLOAD, &token("t1"), NOW_MS)
        .unwrap()
}

fn check(proof: &[u8], now_ms: u64) -> Result<OperatorIdentity, Refusal> {
    check_request(
        proof,
        &world().keyring(),
        now_ms,
        &role(SERVICE),
        PAYLOAD,
        &token("t1"),
    )
    .map(|(who, _)| who)
}

#[test]
fn the_agent_that_answers_knows_who_asks() {
    let who = check(&good_proof(), NOW_MS).unwrap();
    assert_eq!((who.name.as_str(), who.level), ("ann", Level::Operator));
    assert_eq!(who.router.as_str(), "a");
    assert_eq!(who.key, people().ann.id());
    assert!(good_proof().len() < 4_096, "{} bytes", good_proof().len());
}

#[test]
fn a_proof_is_good_for_one_service_payload_and_token() {
    let keyring = world().keyring();
    let proof = good_proof();
    let check = |service, payload: &[u8], text| {
        let (service, token) = (role(service), token(text));
        let result = check_request(&proof, &keyring, NOW_MS, &service, payload, &token);
        assert_eq!(result, Err(Refusal::Denied), "{service} {text}");
    };
    check("agent.delete", PAYLOAD, "t1");
    check(SERVICE, b"{}", "t1");
    check(SERVICE, PAYLOAD, "t2");
}

#[test]
fn a_proof_covers_the_roles_that_its_text_matches() {
    let check = |service: &str, asked: &str, is_covered: bool| {
        let (keyring, token) = (world().keyring(), token("t1"));
        let proof = session().request(service, PAYLOAD, &token, NOW_MS);
        let proof = proof.unwrap();
        let result = check_request(&proof, &keyring, NOW_MS, &role(asked), PAYLOAD, &token);
        let result = result.map(|(who, _)| who.name);
        let expected = is_covered.then(|| "ann".to_owned()).ok_or(Refusal::Denied);
        assert_eq!(result, expected, "{service:?} {asked}");
    };
    check("logwatch.*", SERVICE, true);
    check("*", "anything.else", true);
    check("hive.alert, logwatch.generate.*", SERVICE, true);
    check("hive.alert, logwatch.generate.*", "hive.alert", true);
    check("hive.alert, logwatch.generate.*", "hive.alerts", false);
    check("logwatch.*", "hive.alert", false);
    check("logwatch.*,", SERVICE, false);
    check("", SERVICE, false);
}

#[test]
fn the_same_token_of_the_same_session_is_the_same_request() {
    let keyring = world().keyring();
    let mark = |service: &str, text: &str, now_ms: u64| {
        let token = token(text);
        let proof = session().request(service, PAYLOAD, &token, now_ms).unwrap();
        let checked = check_request(&proof, &keyring, now_ms, &role(SERVICE), PAYLOAD, &token);
        checked.unwrap().1
    };
    let mut guard = RequestGuard::new(NOW_MS, []);
    guard.ran(&mark(SERVICE, "t1", NOW_MS));
    for (service, text, expected) in [
        (SERVICE, "t1", Err(Refusal::RequestReplayed)),
        ("*", "t1", Err(Refusal::RequestReplayed)),
        (SERVICE, "t2", Ok(())),
    ] {
        let again = mark(service, text, NOW_MS + 7);
        assert_eq!(
            guard.check(NOW_MS + 7, &again),
            expected,
            "{service} {text}"
        );
    }
}

#[test]
fn old_requests_and_logins_are_refused() {
    assert_eq!(
        check(&good_proof(), NOW_MS + 331_000),
        Err(Refusal::Expired)
    );
    assert_eq!(check(&good_proof(), NOW_MS - 31_000), Err(Refusal::Future));
    let late = NOW_MS + LOGIN_LIFE_MS + 40_000;
    let request = session()
        .request(SERVICE, PAYLOAD, &token("t1"), late)
        .unwrap();
    assert_eq!(check(&request, late), Err(Refusal::Expired));
}

#[test]
fn a_router_cannot_make_up_an_operators_request() {
    let world = world();
    // Ann's login, but the request signed by the node.
    let mut proof: RequestProof = decode(&good_proof(), PROOF_BYTES_MAX).unwrap();
    let request: Request = decode(&proof.request.body, 4_096).unwrap();
    proof.request = sign_object(&world.a.key, Purpose::Request, &request).unwrap();
    assert_eq!(check(&encode(&proof), NOW_MS), Err(Refusal::UnknownSigner));
    proof.request.signer = people().session_key.id();
    assert_eq!(check(&encode(&proof), NOW_MS), Err(Refusal::BadSignature));

    // A login for Ann's passport, signed by the node.
    let forged = session_with(&people().passport, &world.a.key, terms());
    let forged = forged
        .request(SERVICE, PAYLOAD, &token("t1"), NOW_MS)
        .unwrap();
    assert_eq!(check(&forged, NOW_MS), Err(Refusal::UnknownSigner));

    // A login with the node's own passport: a node is no operator.
    let node = session_with(&world.a.credentials.passport, &world.a.key, terms());
    let node = node
        .request(SERVICE, PAYLOAD, &token("t1"), NOW_MS)
        .unwrap();
    assert_eq!(check(&node, NOW_MS), Err(Refusal::Denied));

    // A signature of the session's key made for another purpose.
    let mut proof: RequestProof = decode(&good_proof(), PROOF_BYTES_MAX).unwrap();
    proof.request = sign_object(&people().session_key, Purpose::Login, &request).unwrap();
    assert_eq!(check(&encode(&proof), NOW_MS), Err(Refusal::BadSignature));
}

#[test]
fn a_revoked_operator_is_refused() {
    let mut keyring = world().keyring();
    let revocation = world()
        .authority
        .revoke(people().ann.id(), &Who::Operator("ann".to_owned()), NOW_MS)
        .unwrap();
    keyring.revoke(&revocation, NOW_MS).unwrap();
    let result = check_request(
        &good_proof(),
        &keyring,
        NOW_MS,
        &role(SERVICE),
        PAYLOAD,
        &token("t1"),
    );
    assert_eq!(result.err(), Some(Refusal::RevokedSigner));
}

#[test]
fn a_login_is_for_one_router_nonce_and_connection() {
    let keyring = world().keyring();
    let login = session().login();
    let check = |change: &dyn Fn(&mut LoginTerms), expected| {
        let mut terms = terms();
        change(&mut terms);
        let result = check_login(&login, &terms, &keyring, NOW_MS);
        assert_eq!(result.map(|who| who.name), expected);
    };
    check(&|_| {}, Ok("ann".to_owned()));
    check(
        &|t| t.nonce = Bytes::from_static(b"other"),
        Err(Refusal::Denied),
    );
    check(
        &|t| t.router = NodeId::new("b").unwrap(),
        Err(Refusal::Denied),
    );
    check(
        &|t| t.binding = Bytes::from_static(b"tls"),
        Err(Refusal::Denied),
    );
    let mut elsewhere = terms();
    elsewhere.swarm = skep_packet::SwarmId(uuid::Uuid::from_u128(9));
    let other = session_with(&people().passport, &people().ann, elsewhere).login();
    let result = check_login(&other, &terms(), &keyring, NOW_MS);
    assert_eq!(result, Err(Refusal::WrongSwarm));
}

#[test]
fn garbage_is_no_proof() {
    assert_eq!(check(b"", NOW_MS), Err(Refusal::Truncated));
    assert_eq!(
        check(&[0; PROOF_BYTES_MAX + 1], NOW_MS),
        Err(Refusal::Oversized)
    );
    assert_eq!(check(&[0xc0; 50], NOW_MS), Err(Refusal::Malformed));
}

#[test]
fn a_passport_may_name_the_only_handlers_and_one_that_does_not_reads_as_before() {
    let bob = key();
    let check = |only: Option<&str>, handler: &str, is_let: bool| {
        let terms_of_bob = crate::OperatorTerms {
            only: only.map(|only| only.parse().unwrap()),
            ..crate::OperatorTerms::any("bob", Level::Admin)
        };
        let admitted = world()
            .authority
            .admit_operator(&terms_of_bob, bob.public(), NOW_MS);
        let session = session_with(&admitted.unwrap(), &bob, terms());
        let proof = session.request(SERVICE, PAYLOAD, &token("t1"), NOW_MS);
        let who = check(&proof.unwrap(), NOW_MS).unwrap();
        assert_eq!(who.only, terms_of_bob.only);
        let handler = handler.parse().unwrap();
        assert_eq!(
            who.may_call(&role(SERVICE), &handler),
            is_let,
            "{only:?} {handler}"
        );
    };
    check(None, "cmd_any", true);
    check(Some("logwatch.*"), "cmd_any", true);
    check(Some("logwatch.*@cmd_generate*"), "cmd_any", false);
    check(Some("hive.*"), "cmd_any", false);
    // A passport without the list has the bytes that it had before there was one.
    let holder = crate::Holder::Operator {
        name: "bob".to_owned(),
        level: Level::Admin,
        only: None,
    };
    let before = encode(&("Operator", ("bob", Level::Admin)));
    let map = |pair: &[u8]| [&[0x81], pair.get(1..).unwrap()].concat();
    assert_eq!(encode(&holder).as_ref(), map(&before));
}
