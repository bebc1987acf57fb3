//! Rows in PostgreSQL's binary COPY format.
//!
//! See "Binary Format" under COPY in the PostgreSQL manual. Each field is its length in bytes and
//! its value in network order; -1 is null.

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_OFFSET_MICROS: i64 = 946_684_800_000_000;

/// A buffer of rows, to be sent as the body of one COPY.
pub(super) struct Rows(Vec<u8>);

impl Rows {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes + 32);
        buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.extend_from_slice(&[0; 8]);
        Self(buffer)
    }

    pub(super) fn row(&mut self, fields: i16) {
        self.0.extend_from_slice(&fields.to_be_bytes());
    }

    pub(super) fn bigint(&mut self, value: i64) {
        self.0.extend_from_slice(&8i32.to_be_bytes());
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn smallint(&mut self, value: i16) {
        self.0.extend_from_slice(&2i32.to_be_bytes());
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// A `timestamptz` from microseconds since 1970.
    pub(super) fn timestamp(&mut self, micros: i64) {
        self.bigint(micros - EPOCH_OFFSET_MICROS);
    }

    pub(super) fn text(&mut self, value: Option<&str>) {
        self.bytes(&[], value);
    }

    /// A `jsonb` from its text: one byte of version, then the text.
    pub(super) fn jsonb(&mut self, json: Option<&str>) {
        self.bytes(&[1], json);
    }

    /// The body with its trailer.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&(-1i16).to_be_bytes());
        self.0
    }

    fn bytes(&mut self, prefix: &[u8], value: Option<&str>) {
        // Intake bounds every field far below 2 GiB; a longer one becomes null rather than a broken
        // row.
        let length = value.and_then(|value| i32::try_from(value.len() + prefix.len()).ok());
        self.0.extend_from_slice(&length.unwrap_or(-1).to_be_bytes());
        if let (Some(_), Some(value)) = (length, value) {
            self.0.extend_from_slice(prefix);
            self.0.extend_from_slice(value.as_bytes());
        }
    }
}
