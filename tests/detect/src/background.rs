//! What a host writes that strangers can reach, when nothing is wrong.
//!
//! Strangers guess all day, each for some hours, some come back the next day; people work on
//! weekdays and mistype; visitors sleep at night; crawlers follow dead links; mail waits now and
//! then; the internet knocks at closed ports; units stop and start.

use crate::{
    dice::Dice,
    line::{Line, Log, Pen},
};

pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 24 * HOUR;

/// 2027-01-04 00:00 UTC, a Monday.
pub(crate) const START: u64 = 1_799_020_800;

/// Accounts of the host.
pub(crate) const USERS: &[&str] = &[
    "ann", "bela", "carla", "dmitri", "elif", "farid", "greta", "hanif", "ines", "jonas", "katja",
    "lorenzo", "mei", "nadia", "omar", "petra", "quentin", "rosa", "sven", "tomas",
];

/// What strangers try: none of it exists here but root and two first names that are common.
const GUESSES: &[&str] = &[
    "admin",
    "test",
    "oracle",
    "postgres",
    "ubuntu",
    "user",
    "guest",
    "ftpuser",
    "git",
    "deploy",
    "minecraft",
    "hadoop",
    "jenkins",
    "nagios",
    "steam",
    "pi",
    "mysql",
    "www",
    "dev",
    "student",
    "john",
    "david",
    "michael",
    "support",
    "info",
    "sales",
    "backup1",
    "ts3",
    "odoo",
    "es",
];

const COMMON: &[&str] = &["ann", "rosa"];

const PAGES: &[&str] = &[
    "/",
    "/index.html",
    "/shop",
    "/shop/cart",
    "/style.css",
    "/app.js",
    "/img/logo.png",
    "/about",
    "/contact",
    "/blog/1",
    "/blog/2",
    "/blog/3",
    "/search?q=bees",
    "/login",
    "/favicon.ico",
];

const PROBED: &[&str] = &[
    "/wp-login.php",
    "/.env",
    "/phpmyadmin/",
    "/xmlrpc.php",
    "/.git/config",
    "/admin.php",
    "/boaform/admin",
    "/cgi-bin/luci",
    "/actuator/health",
    "/vendor/phpunit",
    "/config.json",
];

pub(crate) const PROBED_WORDS: &[&str] = &[
    "shell", "up", "old", "bak", "cfg", "adm", "cgi", "tmp", "wso", "r57", "x", "cmd",
];

const PORTS: &[u64] = &[
    23, 445, 3389, 5900, 8080, 8443, 2323, 1433, 3306, 6379, 5060, 9200,
];

/// The lines of one day of a seed's host, in order.
pub(crate) fn day(seed: u64, day: u64) -> Vec<Line> {
    let mut pen = Pen::default();
    let mut dice = Dice::new(seed, &format!("day {day}"));
    strangers(&mut pen, &mut dice, seed, day);
    people(&mut pen, &mut dice, seed, day);
    visitors(&mut pen, &mut dice, day);
    mail(&mut pen, &mut dice, day);
    knocks(&mut pen, &mut dice, day);
    units(&mut pen, &mut dice, day);
    let mut lines = pen.lines;
    lines.sort_by_key(|line| line.at);
    lines
}

/// A stranger's address, the same for the same number.
pub(crate) fn stranger(number: u64) -> String {
    let number = number.wrapping_mul(2_654_435_761) % 131_072;
    format!(
        "198.{}.{}.{}",
        18 + number / 65_536,
        number / 256 % 256,
        number % 256
    )
}

pub(crate) fn is_weekend(day: u64) -> bool {
    day % 7 >= 5
}

fn moment(dice: &mut Dice, day: u64, hour: u64) -> u64 {
    START + day * DAY + hour * HOUR + dice.between(0, HOUR - 2)
}

fn strangers(pen: &mut Pen, dice: &mut Dice, seed: u64, day: u64) {
    for index in 0..dice.between(60, 120) {
        // Every tenth was here the day before, too.
        let since = if index % 10 == 0 {
            day.saturating_sub(1)
        } else {
            day
        };
        let source = stranger(seed * 7_919 + since * 131 + index);
        let (first, hours) = (dice.between(0, 24), dice.between(1, 4));
        let n = match dice.between(0, 100) {
            0..60 => dice.between(1, 12),
            60..97 => dice.between(12, 60),
            _ => dice.between(60, 150),
        };
        for _ in 0..n {
            let hour = (first + dice.between(0, hours)).min(23);
            let at = moment(dice, day, hour);
            guess(pen, dice, at, &source);
        }
    }
}

fn guess(pen: &mut Pen, dice: &mut Dice, at: u64, source: &str) {
    match dice.between(0, 1_000) {
        0..450 => pen.failed(at, source, "root", true),
        450..452 => {
            let user = *dice.pick(COMMON);
            pen.failed(at, source, user, true);
        }
        452..850 => {
            let user = *dice.pick(GUESSES);
            pen.failed(at, source, user, false);
        }
        _ => {
            let (pid, port) = (pen.pid(), dice.between(1_024, 65_000));
            let body = format!(
                "Connection closed by authenticating user root {source} port {port} [preauth]"
            );
            pen.daemon(at, Log::Auth, "sshd", pid, &body);
        }
    }
}

/// Where somebody works from.
pub(crate) fn home(seed: u64, user: usize) -> String {
    format!("203.0.113.{}", 1 + (seed * 31 + user as u64 * 7) % 250)
}

fn people(pen: &mut Pen, dice: &mut Dice, seed: u64, day: u64) {
    for (index, user) in USERS.iter().enumerate() {
        let logins = if is_weekend(day) {
            dice.between(0, 2)
        } else {
            dice.between(1, 6)
        };
        for _ in 0..logins {
            let hour = dice.between(7, 20);
            let at = moment(dice, day, hour);
            let source = home(seed, index);
            let slips = if dice.percent(4) {
                dice.between(1, 4)
            } else {
                0
            };
            for slip in 0..slips {
                pen.failed(at + slip * 5, &source, user, true);
            }
            let method = if dice.percent(70) {
                "publickey"
            } else {
                "password"
            };
            pen.accepted(at + slips * 5 + 2, &source, user, method);
        }
    }
}

/// Visitors of an hour.
pub(crate) fn traffic(day: u64, hour: u64) -> u64 {
    let by_day = if (8..22).contains(&hour) { 260 } else { 40 };
    if is_weekend(day) {
        by_day * 6 / 10
    } else {
        by_day
    }
}

fn visitors(pen: &mut Pen, dice: &mut Dice, day: u64) {
    for hour in 0..24 {
        for _ in 0..dice.about(traffic(day, hour)) {
            let at = moment(dice, day, hour);
            let source = format!("100.64.{}.{}", dice.between(0, 40), dice.between(1, 255));
            let page = *dice.pick(PAGES);
            let status = match dice.between(0, 1_000) {
                0..950 => 200,
                950..980 => 304,
                980..998 => 404,
                _ => 502,
            };
            pen.request(at, &source, page, status);
        }
    }
    for bot in 0..dice.between(6, 14) {
        let source = stranger(900_000 + day * 100 + bot);
        let start = moment(dice, day, bot % 24);
        for step in 0..dice.between(1, 9) {
            let page = *dice.pick(PROBED);
            pen.request(start + step, &source, page, 404);
        }
    }
    // A crawler follows dead links.
    for _ in 0..dice.between(4, 15) {
        let hour = dice.between(0, 24);
        let at = moment(dice, day, hour);
        let page = format!("/old/{}", dice.between(0, 400));
        pen.request(at, "192.0.2.77", &page, 404);
    }
    for _ in 0..dice.between(2, 9) {
        let hour = dice.between(0, 24);
        let at = moment(dice, day, hour);
        let visitor = dice.between(1, 255);
        let message = format!(
            "connect() failed (111: Connection refused) while connecting to upstream, client: \
             100.64.1.{visitor}, server: example.org, request: \"GET / HTTP/1.1\""
        );
        pen.web_error(at, &message);
    }
}

fn mail(pen: &mut Pen, dice: &mut Dice, day: u64) {
    for hour in 0..24 {
        let usual = if (7..20).contains(&hour) && !is_weekend(day) {
            30
        } else {
            6
        };
        for _ in 0..dice.about(usual) {
            let at = moment(dice, day, hour);
            let to = format!("c{}@example.net", dice.between(0, 900));
            match dice.between(0, 100) {
                0..4 => pen.mail(
                    at,
                    &to,
                    "deferred",
                    "connect to mx.example.net[192.0.2.25]:25: Connection timed out",
                ),
                4 => pen.mail(
                    at,
                    &to,
                    "bounced",
                    "host mx.example.net[192.0.2.25] said: 550 5.1.1 no such user",
                ),
                _ => pen.mail(at, &to, "sent", "250 2.0.0 Ok: queued as 9F3A"),
            }
        }
    }
}

fn knocks(pen: &mut Pen, dice: &mut Dice, day: u64) {
    for hour in 0..24 {
        for _ in 0..dice.about(20) {
            let source = stranger(dice.between(500_000, 540_000));
            for _ in 0..dice.between(1, 4) {
                let at = moment(dice, day, hour);
                let port = *dice.pick(PORTS);
                pen.blocked(at, &source, port);
            }
        }
    }
}

fn units(pen: &mut Pen, dice: &mut Dice, day: u64) {
    for hour in 0..24 {
        let at = moment(dice, day, hour);
        pen.systemd(at, "Starting Daily apt download activities...");
        pen.systemd(at + 1, "apt-daily.service: Deactivated successfully.");
    }
    if dice.percent(25) {
        let hour = dice.between(9, 17);
        let at = moment(dice, day, hour);
        for round in 1..=dice.between(1, 4) {
            let body =
                format!("shop.service: Scheduled restart job, restart counter is at {round}.");
            pen.systemd(at + round * 20, &body);
        }
    }
}
