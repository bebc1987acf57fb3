//! The ids of Squall's own rules, by which an exception names them. The other rules are Squawk's.

/// The file can be parsed.
pub(super) const SYNTAX: &str = "squall-syntax";
/// An index is built and dropped concurrently.
pub(super) const INDEX_ONLINE: &str = "squall-index-online";
/// A concurrent statement has a file of its own, without a transaction.
pub(super) const CONCURRENT_ALONE: &str = "squall-concurrent-alone";
/// `set not null` relies on a validated check.
pub(super) const NOT_NULL_STEPS: &str = "squall-not-null-steps";
/// A foreign key or check is added `not valid` and validated by a later file.
pub(super) const CONSTRAINT_NOT_VALID: &str = "squall-constraint-not-valid";
/// A transaction limits how long it waits for locks.
pub(super) const LOCK_TIMEOUT: &str = "squall-lock-timeout";
/// No statement rewrites `events`.
pub(super) const EVENTS_REWRITE: &str = "squall-events-rewrite";
/// An exception is needed, and gives a reason.
pub(super) const EXCEPTION: &str = "squall-exception";

/// In the order of the documentation.
pub const OWN_RULES: [&str; 8] = [
    SYNTAX,
    INDEX_ONLINE,
    CONCURRENT_ALONE,
    NOT_NULL_STEPS,
    CONSTRAINT_NOT_VALID,
    LOCK_TIMEOUT,
    EVENTS_REWRITE,
    EXCEPTION,
];
