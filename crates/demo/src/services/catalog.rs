//! The catalog: Python, with tracebacks.

use super::{Format, Occurrence, Service, Template as T};

pub(super) static SERVICE: Service =
    Service { name: "catalog", release: "5.14.0", hosts: 2, format: Format::Python, templates: TEMPLATES };

static TEMPLATES: &[T] = &[
    T::info(64.0, "catalog.search", "search for '{query}' found {many} products in {ms} ms")
        .on("/api/search"),
    T::info(80.0, "catalog.products", "product {sku} viewed by user {user}").on("/api/products/{sku}"),
    T::info(8.0, "catalog.cache", "cache of category {category} refreshed with {many} products in {slow} ms"),
    T::info(10.0, "catalog.images", "image {uuid} resized to 640x640, {bytes} bytes"),
    T::warning(5.0, "catalog.search", "search index answered in {slow} ms, above the limit of 1000 ms")
        .on("/api/search"),
    T::warning(3.0, "catalog.feed", "feed of supplier {index} holds {count} products without a category"),
    T::error(1.8, "catalog.pricing", "price of {sku} could not be computed")
        .on("/api/products/{sku}")
        .throws("KeyError", "'{currency}'", PRICE),
    T::error(1.2, "catalog.search", "search for '{query}' failed").on("/api/search").throws(
        "catalog.errors.SearchUnavailable",
        "search index did not answer within 30 s",
        SEARCH,
    ),
    T::error(0.9, "catalog.feed", "feed of supplier {index} could not be read").throws(
        "json.decoder.JSONDecodeError",
        "Expecting ',' delimiter: line 1 column {many} (char {many})",
        FEED,
    ),
    T::error(6.0, "catalog.recommend", "no recommendations for user {user}")
        .when(Occurrence::New)
        .on("/api/recommendations")
        .throws("ZeroDivisionError", "float division by zero", RECOMMEND),
];

const PRICE: &str = r#"Traceback (most recent call last):
  File "/srv/catalog/catalog/views.py", line 88, in product
    price = pricing.price_of(sku, currency)
  File "/srv/catalog/catalog/pricing.py", line 41, in price_of
    return base * self.rates[currency]
KeyError: '{currency}'"#;

const SEARCH: &str = r#"Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/urllib3/connectionpool.py", line 466, in _make_request
    response = conn.getresponse()
TimeoutError: timed out

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/catalog/catalog/search.py", line 57, in search
    answer = self.index.query(words, timeout=30)
  File "/srv/catalog/catalog/index.py", line 112, in query
    raise SearchUnavailable("search index did not answer within 30 s")
catalog.errors.SearchUnavailable: search index did not answer within 30 s"#;

const FEED: &str = r#"Traceback (most recent call last):
  File "/srv/catalog/catalog/feed.py", line 73, in read
    products = json.loads(body)
  File "/usr/lib/python3.13/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/usr/lib/python3.13/json/decoder.py", line 361, in raw_decode
    obj, end = self.scan_once(s, idx)
json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column {many} (char {many})"#;

const RECOMMEND: &str = r#"Traceback (most recent call last):
  File "/srv/catalog/catalog/views.py", line 141, in recommendations
    scores = recommend.score(user, candidates)
  File "/srv/catalog/catalog/recommend.py", line 29, in score
    return {c.sku: c.clicks / c.views for c in candidates}
  File "/srv/catalog/catalog/recommend.py", line 29, in <dictcomp>
    return {c.sku: c.clicks / c.views for c in candidates}
ZeroDivisionError: float division by zero"#;
