use proptest::prelude::*;

use super::*;

/// Lines as real programs write them, each with a secret in `§…§`. All values are synthetic.
const TABLE: &[&str] = &[
    // Headers.
    "Authorization: Bearer §abc.def-123§",
    "authorization: Basic §dXNlcjpwYXNz§",
    "\"Authorization\": \"Bearer §q1w2e3r4t5§\"",
    "-H 'Authorization: token §0a1b2c3d4e5f§'",
    "Authorization: §rawtokenwithoutscheme1§",
    "Proxy-Authorization: Negotiate §YIIGhgYGKwYBBQ==§",
    "Authorization: Digest username=\"ann\", response=\"§6629fae49393a05397450978507c4ef1§\"",
    "Authorization: AWS4-HMAC-SHA256 Credential=X/20260101/eu/s3, Signature=§fe5f80f77d5fa3be§",
    "x-api-key: §k-1234-abcd§",
    "X-Auth-Token: §gAAAAABk§",
    "Cookie: theme=dark; PHPSESSID=§r2t5uvjq435r4q7ib3vtdjq120§",
    "Set-Cookie: id=§a3fWa§; Expires=Thu",
    "sent bearer §mF_9.B5f-4.1JqM§ to upstream",
    // Addresses.
    "postgres://ann:§hunter2§@db/x",
    "mongodb+srv://svc:§p4ss:w0rd§@cluster0.example.net/db",
    "amqp://guest:§gu/est#1§@rabbit:5672",
    "redis://:§s3cr3t§@cache:6379/0",
    "cloning https://oauth2:§t0ken-value§@git.example.org/x.git",
    "GET /login?user=ann&password=§hunter2§&page=2 HTTP/1.1",
    "GET /cb?code=§4/0AX4XfWh§&scope=x",
    "GET /api?access_token=§ab12§",
    "GET /x%3Fpassword%3D§hunter2§",
    "wss://h/socket?sid=§Zx81§",
    "ann:§hunter2§@tcp(127.0.0.1:3306)/app",
    "https://hooks.slack.com/services/§T00000000/B00000000/XXXXXXXXXXXXXXXX§",
    "https://discord.com/api/webhooks/§1234/abc_DEF§",
    "otpauth://§totp/x:ann?secret=JBSWY3DPEHPK3PXP§",
    // Keys and values.
    "password=§hunter2§",
    "db_password: \"§correct horse battery§\"",
    "'passwd' => '§it is long§'",
    "{\"apiKey\":\"§abc§\",\"n\":1}",
    "{\\\"client_secret\\\":\\\"§two words§\\\",\\\"n\\\":1}",
    "PGPASSWORD=§hunter2§ psql -h db",
    "MYSQL_PWD=§hunter2§",
    "smtp_pass = §hunter2§",
    "Server=db;User Id=sa;Password=§Hunter2!§;Encrypt=yes",
    "AccountName=x;AccountKey=§Zm9vYmFyYmF6==§;EndpointSuffix=y",
    "jdbc:mysql://db/x?user=ann&password=§hunter2§",
    "sig=§aB3%2Fx§&se=2026",
    "session_id: §5f2a§",
    "JSESSIONID=§1A530637289A03B07199A44E8D531427§",
    "connect.sid=§s%3Aj4§",
    "ASP.NET_SessionId=§lit3py55t21z5v55vlm25s55§",
    "csrf_token=§IjY§",
    "private_key: §MIIEvQ§",
    "export AWS_SECRET_ACCESS_KEY=§wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY§",
    "pin: §4711§",
    "userpass=§ann-1§",
    // Command lines, as sudo and audit write them.
    "COMMAND=/usr/bin/mysql -u root -p§hunter2§ app",
    "mysqldump --user=root --password=§hunter2§ app",
    "restic --password-command x --repo-password '§two words§'",
    "tool --password §hunter2§ --verbose",
    "tool --api-key=§k1§",
    "sshpass -p §hunter2§ ssh ann@web1",
    "curl -s -u ann:§hunter2§ https://x",
    "curl --user 'ann:§hunter2§' https://x",
    "smbclient //h/s -U ann%§hunter2§",
    "redis-cli -h c -a §hunter2§ ping",
    "ldapsearch -x -D cn=admin -w §hunter2§ -b dc=x",
    "snmpwalk -v2c -c §c0mmunity§ host",
    "docker login -u ann -p §hunter2§ registry",
    "htpasswd -bc /etc/x ann §hunter2§",
    "openssl rsa -in k -passin pass:§hunter2§",
    "echo '§ann:hunter2§' | chpasswd",
    "echo §hunter2§ | sudo -S id",
    "useradd -m -p §crypted§ ann",
    // Words.
    "the password is §hunter2§",
    "Login failed: user 'ann' password '§hunter2§'",
    "FTP command: PASS §hunter2§",
    "C: AUTH PLAIN §AGFubgBodW50ZXIy§",
    "a1 AUTHENTICATE PLAIN §AGFubgBodW50ZXIy§",
    "client in: AUTH 1 PLAIN service=imap resp=§AGFubgBodW50ZXIy§",
    // What begins as nothing else does.
    "using §ghp_0123456789abcdef§ now",
    "§github_pat_11AAAAAAA0aaaaaaaaaaaa_bbbbb§",
    "§glpat-0123456789abcdefghij§",
    "key §AKIAIOSFODNN7EXAMPLE§ used",
    "§xoxb-123456789012-abcdefghij§",
    "§sk-proj-abcdefghijklmnop123456§",
    "§sk_live_4eC39HqLyjWDarjtT1zdp7dc§",
    "§AIzaSyA-0123456789abcdefghijklmnopqrs§",
    "§eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl§",
    "§ya29.a0AfH6SMBx§",
    "§SG.abcdefghijk.lmnopqrstuv§",
    "§hvs.CAESIJ2b5Gm0Z8vTqYx1kQ4w§",
    "§npm_abcdefghijklmnopqrstuvwxyz0123456789§",
    "§AGE-SECRET-KEY-1QQPQZRY9X8§",
    "bot§110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw§/getMe",
    "ann:§$6$saltsalt$abcdefABCDEF0123456789§:19000:0",
    "{SSHA}§DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3§",
    "id §a8F3kQ9zL2mX7vB4nC6d§",
    "§d41d8cd98f00b204e9800998ecf8427e§",
    "-----BEGIN RSA PRIVATE KEY-----\n§MIIabc§\n-----END RSA PRIVATE KEY----- ok",
    "-----BEGIN OPENSSH PRIVATE KEY-----\\n§b3Blbn§\\n",
    // Cards, with the right check digit.
    "card §4111111111111111§ declined",
    "pan=§5500-0000-0000-0004§",
    "number §3782 822463 10005§",
    "22 §4012 8888 8888 1881§ 07",
];

/// The text of a row without its marks, and its secret.
fn row(row: &str) -> (String, String) {
    let mut parts = row.split('§');
    let (before, secret) = (parts.next().unwrap(), parts.next().unwrap());
    let after: String = parts.collect();
    (format!("{before}{secret}{after}"), secret.to_owned())
}

/// The text without what the rules find.
fn rest(text: &str) -> String {
    let found = secrets(text);
    let open = |at: usize| {
        !found
            .iter()
            .any(|(start, end)| (*start..*end).contains(&at))
    };
    let chars = text.char_indices();
    chars
        .map(|(at, char)| if open(at) { char } else { '\u{1}' })
        .collect()
}

/// What is left of a row's secret, whole or in part.
fn left(line: &str) -> Option<String> {
    let (text, secret) = row(line);
    let rest = rest(&text);
    let parts = secret.split(['/', ' ', ':', '#', '.']);
    let mut parts = parts.filter(|part| part.len() > 4).chain([secret.as_str()]);
    let part = parts.find(|part| rest.contains(*part))?;
    Some(format!("{part:?} of {text:?} in {rest:?}"))
}

#[test]
fn no_secret_of_the_table_is_left() {
    let left: Vec<String> = TABLE.iter().filter_map(|line| left(line)).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn what_only_sounds_like_a_secret_stays() {
    let mut taken: Vec<String> = Vec::new();
    for line in [
        "Failed password for root from somewhere port 22 ssh2",
        "pam_unix(sshd:session): session opened for user root",
        "unit systemd-networkd-wait-online.service failed",
        "/var/lib/postgresql/15/main/base/16384",
        "authentication failure; logname= uid=0 euid=0",
        "Basic authentication failed",
        "password is expired",
        "using password: YES",
        "PWD=/home/x ; USER=root ; COMMAND=/bin/ls",
        "Accepted publickey for root from somewhere port 22 ssh2",
        "author=ann compass=5 passenger=3 ping=7",
        "12:34:56 2026-11-20 10:00:05 1763632805 4111",
        "Jan 15 08:00:00 web1 kernel: eth0: link up, 1000 Mbps",
    ] {
        let found = !secrets(line).is_empty();
        taken.extend(found.then(|| rest(line)));
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

proptest! {
    /// What stands around a secret are the separators of real lines, and anything beyond them.
    #[test]
    fn no_secret_of_the_table_survives_whatever_surrounds_it(
        which in 0..TABLE.len(),
        before in ".{0,40}",
        open in prop::sample::select(&[" ", "\t", "; ", ", ", "|", "\n", "> ", "[1] ", "\0 "][..]),
        close in prop::sample::select(&[" ", "\t", "; ", "\n", "\" ", "' ", "\r\n", " | ", "\u{1b}["][..]),
        after in ".{0,40}",
    ) {
        let (text, secret) = row(TABLE[which]);
        let text = format!("{before}{open}{text}{close}{after}");
        // A surrounding may hold the secret's own letters: then nothing is shown by its absence.
        prop_assume!(!before.contains(&secret) && !after.contains(&secret));
        let rest = rest(&text);
        prop_assert!(!rest.contains(&secret), "{secret:?} of {text:?} in {rest:?}");
    }

    #[test]
    fn spans_are_in_order_and_at_borders(text in ".{0,200}") {
        for (start, end) in secrets(&text) {
            prop_assert!(start < end && text.get(start..end).is_some());
        }
    }
}
