//! Attacks and troubles, each of one shape: when it begins, how long it lasts and how hard it is
//! hit are the seed's.

use crate::{
    background::{HOUR, PROBED_WORDS, USERS, stranger},
    dice::Dice,
    line::{Line, Log, Pen},
};

/// A kind of trouble that a log is given.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Its name, which is the shape's that it must be found under.
    pub shape: &'static str,
    /// The log it shows in.
    pub log: Log,
    /// Whether a person must hear of it.
    pub warns: bool,
    /// Other shapes that are then rightly found, too.
    pub also: &'static [&'static str],
    /// Hours after its beginning by which it is over.
    pub hours: u64,
    write: fn(&mut Pen, &mut Dice, u64),
}

impl Attack {
    /// Its lines, from the second `start` on.
    #[must_use]
    pub fn lines(&self, seed: u64, start: u64) -> Vec<Line> {
        let mut pen = Pen::default();
        let mut dice = Dice::new(seed, self.shape);
        (self.write)(&mut pen, &mut dice, start);
        pen.lines
    }
}

/// What is always allowed beside an attack: it was counted, and it is unusual.
pub(crate) const HARMLESS: &[&str] = &["guessing", "new_kind", "unusual_rate"];

/// Every attack.
pub const ATTACKS: &[Attack] = &[
    Attack {
        shape: "brute_force",
        log: Log::Auth,
        warns: true,
        also: &["surge", "targeted_account"],
        hours: 3,
        write: brute_force,
    },
    Attack {
        shape: "password_spraying",
        log: Log::Auth,
        warns: true,
        also: &["targeted_account"],
        hours: 5,
        write: spraying,
    },
    Attack {
        shape: "targeted_account",
        log: Log::Auth,
        warns: true,
        also: &["surge"],
        hours: 4,
        write: targeted,
    },
    Attack {
        shape: "distributed_attack",
        log: Log::Auth,
        warns: true,
        also: &["surge"],
        hours: 3,
        write: distributed,
    },
    Attack {
        shape: "low_and_slow",
        log: Log::Auth,
        warns: true,
        also: &["password_spraying"],
        hours: 72,
        write: slow,
    },
    Attack {
        shape: "success_after_failures",
        log: Log::Auth,
        warns: true,
        also: &["targeted_account", "new_login_source", "low_and_slow"],
        hours: 30,
        write: success,
    },
    Attack {
        shape: "new_login_source",
        log: Log::Auth,
        warns: false,
        also: &[],
        hours: 2,
        write: new_place,
    },
    Attack {
        shape: "path_scan",
        log: Log::Web,
        warns: false,
        also: &[],
        hours: 2,
        write: path_scan,
    },
    Attack {
        shape: "port_scan",
        log: Log::Kernel,
        warns: false,
        also: &[],
        hours: 2,
        write: port_scan,
    },
    Attack {
        shape: "error_burst",
        log: Log::Web,
        warns: true,
        also: &[],
        hours: 2,
        write: server_errors,
    },
    Attack {
        shape: "error_burst",
        log: Log::Mail,
        warns: true,
        also: &[],
        hours: 3,
        write: deferred,
    },
    Attack {
        shape: "service_flapping",
        log: Log::System,
        warns: true,
        also: &["unit_failed"],
        hours: 3,
        write: flapping,
    },
    Attack {
        shape: "unusual_rate",
        log: Log::Web,
        warns: false,
        also: &[],
        hours: 3,
        write: rush,
    },
    Attack {
        shape: "new_kind",
        log: Log::Web,
        warns: false,
        also: &[],
        hours: 1,
        write: new_kind,
    },
];

fn villain(dice: &mut Dice) -> String {
    stranger(dice.between(700_000, 800_000))
}

/// One source, some tries a minute for an hour or two.
fn brute_force(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    let (n, every) = (dice.between(420, 2_000), dice.between(2, 11));
    for round in 0..n.min(2 * HOUR / every) {
        let (at, user) = (
            start + round * every,
            *dice.pick(&["root", "admin", "test"]),
        );
        pen.failed(at, &source, user, user == "root");
    }
}

/// One source, one or two tries at each of the people who work here.
fn spraying(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    let (first, n) = (dice.between(0, 20), dice.between(8, 20));
    let every = dice.between(60, 4 * HOUR / (2 * n));
    for round in 0..n * 2 {
        let user = USERS[usize::try_from((first + round % n) % 20).unwrap_or(0)];
        pen.failed(start + round * every, &source, user, true);
    }
}

/// Many sources, one account.
fn targeted(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let user = *dice.pick(USERS);
    let (n, n_sources) = (dice.between(80, 300), dice.between(3, 40));
    let sources: Vec<String> = (0..n_sources).map(|_| villain(dice)).collect();
    for round in 0..n {
        let source = dice.pick(&sources);
        pen.failed(start + round * 3 * HOUR / n, source, user, true);
    }
}

/// Hundreds of sources, a few tries each, in a short time.
fn distributed(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let first = dice.between(700_000, 900_000);
    let n_sources = dice.between(200, 700);
    let n = dice.between(3_000, 6_000);
    for round in 0..n {
        let source = stranger(first + dice.between(0, n_sources));
        let user = *dice.pick(&["root", "admin", "oracle", "test", "ubuntu"]);
        pen.failed(
            start + round * 3 * HOUR / 2 / n,
            &source,
            user,
            user == "root",
        );
    }
}

/// One source, a try every half hour or so, for days.
fn slow(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    let every = dice.between(1_300, 3_000);
    let mut at = start;
    while at < start + 70 * HOUR {
        let (user, exists) = match dice.between(0, 3) {
            0 => (*dice.pick(&USERS[..3]), true),
            1 => ("root", true),
            _ => ("admin", false),
        };
        pen.failed(at, &source, user, exists);
        at += every + dice.between(0, 400);
    }
}

/// A source guesses, within an hour or over a day, and gets in.
fn success(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    let user = *dice.pick(USERS);
    let n = dice.between(22, 150);
    let every = if dice.percent(50) {
        dice.between(5, 20)
    } else {
        24 * HOUR / n
    };
    for round in 0..n {
        let (name, exists) = if dice.percent(15) {
            (user, true)
        } else {
            ("root", true)
        };
        pen.failed(start + round * every, &source, name, exists);
    }
    pen.accepted(start + n * every, &source, user, "password");
}

/// Somebody who works here comes from elsewhere.
fn new_place(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let (source, user) = (villain(dice), *dice.pick(USERS));
    pen.accepted(start, &source, user, "publickey");
}

fn path_scan(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    for step in 0..dice.between(40, 800) {
        let word = dice.pick(PROBED_WORDS);
        pen.request(
            start + step * 4,
            &source,
            &format!("/{word}{step}.php"),
            404,
        );
    }
}

fn port_scan(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let source = villain(dice);
    let every = dice.between(1, 12);
    for step in 0..dice.between(40, 500) {
        pen.blocked(start + step * every, &source, 1 + step * 37 % 9_999);
    }
}

/// The application behind the web server is down for some minutes.
fn server_errors(pen: &mut Pen, dice: &mut Dice, start: u64) {
    for _ in 0..dice.between(160, 1_500) {
        let at = start + dice.between(0, HOUR / 2);
        let source = format!("100.64.7.{}", dice.between(1, 255));
        pen.request(at, &source, "/shop/cart", 502);
    }
}

/// The other mail server does not answer.
fn deferred(pen: &mut Pen, dice: &mut Dice, start: u64) {
    for _ in 0..dice.between(500, 2_000) {
        let at = start + dice.between(0, 2 * HOUR);
        let to = format!("c{}@example.com", dice.between(0, 900));
        let why = "connect to mx.example.com[192.0.2.26]:25: Connection timed out";
        pen.mail(at, &to, "deferred", why);
    }
}

/// A service that ends again as soon as it is up.
fn flapping(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let every = dice.between(15, 150);
    for round in 0..2 * HOUR / every {
        let at = start + round * every;
        pen.systemd(at, "shop.service: Failed with result 'exit-code'.");
        let body = format!("shop.service: Scheduled restart job, restart counter is at {round}.");
        pen.systemd(at + 5, &body);
    }
}

/// Everybody comes at once.
fn rush(pen: &mut Pen, dice: &mut Dice, start: u64) {
    for _ in 0..dice.between(6_000, 12_000) {
        let at = start + dice.between(0, 2 * HOUR);
        let source = format!("100.65.{}.{}", dice.between(0, 60), dice.between(1, 255));
        pen.request(at, &source, "/shop", 200);
    }
}

/// The web server says what it never said before.
fn new_kind(pen: &mut Pen, dice: &mut Dice, start: u64) {
    let said = dice.pick(&[
        "malloc of request buffer refused: no space for headers in arena",
        "worker process exited on signal while it held the accept mutex",
        "SSL certificate of upstream does not match any configured authority",
    ]);
    pen.web_error(start, said);
}
