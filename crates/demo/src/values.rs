//! The values that make two lines of one template differ: users, orders, addresses, durations.

use crate::random::Random;

/// The values of one event. A placeholder has one value within an event, so that the order in a message
/// is the order in its stack trace and in its attributes.
#[derive(Debug)]
pub(crate) struct Values {
    random: Random,
    drawn: Vec<(&'static Placeholder, String)>,
}

/// A name in braces in a template.
#[derive(Debug)]
struct Placeholder {
    name: &'static str,
    /// The attribute of a structured event that holds it, with OpenTelemetry's name if one exists.
    attribute: Option<&'static str>,
    draw: fn(&mut Random) -> String,
}

impl Values {
    pub(crate) fn new(random: Random) -> Self {
        Self { random, drawn: Vec::new() }
    }

    /// This event's random numbers, for values outside the template.
    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Replaces each known `{placeholder}` in `text`.
    pub(crate) fn fill(&mut self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let known = rest.find('}').and_then(|close| {
                PLACEHOLDERS.iter().find(|known| known.name == &rest[1..close]).map(|known| (known, close))
            });
            match known {
                Some((placeholder, close)) => {
                    filled.push_str(self.value(placeholder));
                    rest = &rest[close + 1..];
                }
                None => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The values used so far, as attributes in order of first use.
    pub(crate) fn attributes(self) -> Vec<(&'static str, String)> {
        let named = self.drawn.into_iter();
        named.filter_map(|(placeholder, value)| Some((placeholder.attribute?, value))).collect()
    }

    fn value(&mut self, placeholder: &'static Placeholder) -> &str {
        let known = self.drawn.iter().position(|(drawn, _)| drawn.name == placeholder.name);
        let index = known.unwrap_or_else(|| {
            let value = (placeholder.draw)(&mut self.random);
            self.drawn.push((placeholder, value));
            self.drawn.len() - 1
        });
        &self.drawn[index].1
    }
}

const fn shown(name: &'static str, attribute: &'static str, draw: fn(&mut Random) -> String) -> Placeholder {
    Placeholder { name, attribute: Some(attribute), draw }
}

const fn plain(name: &'static str, draw: fn(&mut Random) -> String) -> Placeholder {
    Placeholder { name, attribute: None, draw }
}

/// Addresses and names are fictional: documentation ranges (RFC 5737) and reserved names (RFC 2606).
static PLACEHOLDERS: &[Placeholder] = &[
    shown("user", "user.id", |r| number(r, 10_001, 14_800)),
    shown("order", "order.id", |r| number(r, 48_000_000, 48_999_999)),
    shown("cart", "cart.id", |r| hex(r, 12)),
    shown("sku", "product.sku", |r| format!("SKU-{}", r.between(10_000, 19_999))),
    shown("category", "product.category", |r| {
        r.pick(&["shoes", "jackets", "tents", "lamps", "stoves"]).into()
    }),
    shown("query", "search.query", |r| {
        r.pick(&["boots", "rain jacket", "tent 2p", "headlamp", "wool", "gas"]).into()
    }),
    shown("amount", "order.amount", |r| format!("{}.{:02}", r.between(4, 480), r.below(100))),
    shown("payment", "payment.id", |r| format!("pay_{}", hex(r, 16))),
    shown("currency", "payment.currency", |r| r.pick(&["EUR", "CHF", "SEK", "PLN"]).into()),
    shown("country", "customer.country", |r| r.pick(&["DE", "CH", "SE", "PL", "AT", "NL"]).into()),
    shown("carrier", "shipment.carrier", |r| r.pick(&["northpost", "parcelline", "cargobike"]).into()),
    shown("shipment", "shipment.id", |r| format!("SH{}", r.between(700_000_000, 799_999_999))),
    shown("warehouse", "warehouse.id", |r| r.pick(&["ham-1", "muc-2", "gdn-1"]).into()),
    shown("ip", "client.address", |r| {
        format!("{}.{}", r.pick(&["203.0.113", "198.51.100"]), r.between(1, 254))
    }),
    shown("db", "server.address", |r| r.pick(&["db-1.shop.internal", "db-2.shop.internal"]).into()),
    shown("upstream", "server.address", |r| format!("10.0.3.{}", r.between(11, 18))),
    shown("path", "url.path", path),
    shown("status", "http.response.status_code", |r| {
        r.pick(&["200", "200", "200", "200", "304", "301", "404"]).into()
    }),
    shown("ms", "duration_ms", |r| number(r, 2, 180)),
    shown("slow", "duration_ms", |r| number(r, 1_200, 29_800)),
    shown("email", "enduser.email", |r| format!("customer{}@example.com", r.between(100, 9_999))),
    shown("queue", "messaging.destination.name", |r| r.pick(&["orders", "newsletter", "returns"]).into()),
    shown("mail", "messaging.message.id", |r| hex(r, 10).to_uppercase()),
    shown("job", "job.name", |r| {
        r.pick(&["sitemap", "exchange-rates", "stale-carts", "daily-report"]).into()
    }),
    shown("attempt", "retry.attempt", |r| number(r, 1, 5)),
    plain("count", |r| number(r, 1, 48)),
    plain("many", |r| number(r, 120, 9_600)),
    plain("percent", |r| number(r, 3, 97)),
    plain("bytes", |r| number(r, 312, 91_000)),
    plain("index", |r| number(r, 1, 9)),
    plain("pointer", |r| format!("0xc000{}", hex(r, 6))),
    plain("goroutine", |r| number(r, 18, 9_400)),
    plain("uuid", uuid),
];

fn number(random: &mut Random, first: u64, last: u64) -> String {
    random.between(first, last).to_string()
}

fn hex(random: &mut Random, digits: usize) -> String {
    let mut text = format!("{:016x}", random.next());
    text.truncate(digits);
    text
}

fn uuid(random: &mut Random) -> String {
    let (high, low) = (hex(random, 16), hex(random, 15));
    format!("{}-{}-4{}-a{}-{}", &high[..8], &high[8..12], &high[13..], &low[..3], &low[3..])
}

fn path(random: &mut Random) -> String {
    match random.below(6) {
        0 => "/".into(),
        1 => format!("/products/{}", random.between(1_000, 9_999)),
        2 => format!("/search?q={}", random.pick(&["boots", "tent", "lamp", "wool"])),
        3 => "/cart".into(),
        4 => format!("/account/orders/{}", random.between(48_000_000, 48_999_999)),
        _ => format!("/img/{}.webp", hex(random, 8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_wherever_an_event_mentions_it() {
        let mut values = Values::new(Random::of(7, 0));
        let first = values.fill("order {order} of user {user}");
        assert_eq!(values.fill("order {order} of user {user}"), first);
        assert_eq!(values.fill("a {brace} stays, { too"), "a {brace} stays, { too");
        let names: Vec<_> = values.attributes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["order.id", "user.id"]);
    }

    #[test]
    fn a_uuid_looks_like_one() {
        let uuid = uuid(&mut Random::of(1, 2));
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{uuid}");
    }
}
