//! The mailer and the scheduled jobs beside it: lines of syslog.

use super::{Format, Service, Template as T};

pub(super) static SERVICE: Service =
    Service { name: "mailer", release: "1.8.0", hosts: 1, format: Format::Syslog, templates: TEMPLATES };

static TEMPLATES: &[T] = &[
    T::info(
        22.0,
        "mailer",
        "{mail}: to=<{email}>, relay=mx{index}.example.net:25, delay={index}.{percent}, status=sent (250 OK)",
    ),
    T::info(
        20.0,
        "mailer",
        "{mail}: from=<orders@shop.example>, size={bytes}, nrcpt=1 (queue {queue} active)",
    ),
    T::info(9.0, "cron", "job {job} started"),
    T::info(9.0, "cron", "job {job} finished in {slow} ms"),
    T::warning(
        4.0,
        "mailer",
        "{mail}: host mx{index}.example.net said: 451 4.7.1 Greylisted, try again later (deferred)",
    ),
    T::error(1.3, "mailer", "{mail}: to=<{email}>, status=bounced (550 5.1.1 mailbox unavailable)"),
    T::error(
        0.7,
        "mailer",
        "template order-shipped could not be rendered for order {order}: missing value carrier",
    ),
    T::error(0.5, "cron", "job {job} failed with exit status {index}"),
    T::error(0.4, "mailer", "queue {queue} cannot be written: no space left on device, {percent} mails wait"),
];
