use super::*;

#[track_caller]
fn check(app: &str, body: &str, expected: &str) {
    let event = event(app.as_bytes(), body.as_bytes());
    let found = event.map_or("none".to_owned(), |event| event.facts().to_string());
    assert_eq!(found, expected, "{body}");
}

#[test]
fn commands() {
    check(
        "sudo",
        "     amy : TTY=pts/0 ; PWD=/home/amy ; USER=root ; COMMAND=/usr/bin/ls -l",
        "sudo.command success user.name=amy user.effective.name=root process.command_line=/usr/bin/ls -l",
    );
    check(
        "sudo",
        "amy : PWD=/ ; USER=root ; GROUP=adm ; TSID=000001 ; COMMAND=/bin/id",
        "sudo.command success user.name=amy user.effective.name=root process.command_line=/bin/id",
    );
    check(
        "sudo",
        "amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/echo ; COMMAND=/bin/rm : 3 incorrect password attempts ; TTY=x",
        "sudo.command success user.name=amy user.effective.name=root \
         process.command_line=/bin/echo ; COMMAND=/bin/rm : 3 incorrect password attempts ; TTY=x",
    );
    check(
        "sudo",
        "amy : (command continued) COMMAND=/bin/true ; TTY=pts/0",
        "none",
    );
    check("sudo", "amy : TTY=pts/0 ; PWD=/ ; USER=root", "none");
    check(
        "other",
        "amy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id",
        "none",
    );
}

#[test]
fn refusals() {
    check(
        "sudo",
        "amy : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id",
        "sudo.failed failure user.name=amy user.effective.name=root process.command_line=/bin/id \
         error.message=3 incorrect password attempts event.count=3",
    );
    check(
        "sudo",
        "bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id",
        "sudo.denied failure user.name=bob user.effective.name=root process.command_line=/bin/id \
         error.message=user NOT in sudoers",
    );
    check(
        "sudo",
        "amy : a password is required ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id",
        "sudo.denied failure user.name=amy user.effective.name=root process.command_line=/bin/id \
         error.message=a password is required",
    );
    check(
        "sudo",
        "pam_unix(sudo:auth): authentication failure; logname= uid=1000 euid=0 tty=/dev/pts/0 ruser=amy rhost=  user=amy",
        "sudo.pam_failure failure user.name=amy user.effective.name=amy",
    );
    check(
        "sudo",
        "PAM 2 more authentication failures; logname= uid=1000 euid=0 tty=/dev/pts/0 ruser=amy rhost=  user=amy",
        "sudo.pam_failure failure user.name=amy user.effective.name=amy event.count=2",
    );
    check(
        "sudo",
        "pam_sss(sudo:auth): authentication failure; logname= uid=1 euid=0 tty=x ruser=amy rhost= user=amy",
        "none",
    );
    check(
        "sudo",
        "pam_unix(sudo:session): session opened for user root",
        "none",
    );
}

#[test]
fn su_of_three_families() {
    let done = "sudo.command success user.name=amy user.effective.name=root";
    let failed = "sudo.failed failure user.name=amy user.effective.name=root";
    check("su", "(to root) amy on pts/0", done);
    check("su", "FAILED SU (to root) amy on none", failed);
    check("su", "Successful su for root by amy", done);
    check("su", "FAILED su for root by amy", failed);
    check("su", "amy to root on /dev/pts/0", done);
    check("su", "BAD SU amy to root on /dev/pts/0", failed);
    check("su", "+ pts/0 amy:root", "none");
    check(
        "su",
        "pam_unix(su:session): session opened for user root by amy(uid=1)",
        "none",
    );
    check(
        "su(pam_unix)",
        "authentication failure; logname=amy uid=509 euid=0 tty=pts/1 ruser=amy rhost=  user=root",
        "sudo.pam_failure failure user.name=amy user.effective.name=root",
    );
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(
        app in proptest::sample::select(vec!["sudo", "su", "su(pam_unix)", ""]),
        head in proptest::sample::select(vec!["a : TTY=", "a : ", "(to ", "PAM 2 more ", "BAD SU ", "pam_unix(su:auth): ", ""]),
        tail in proptest::prelude::any::<Vec<u8>>(),
    ) {
        let body = [head.as_bytes(), &tail].concat();
        let event = event(app.as_bytes(), &body);
        proptest::prop_assert!(event.is_none_or(|event| event.user.len() <= body.len()));
    }
}
