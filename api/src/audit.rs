//! The audit log: who changed what.

use sqlx::PgConnection;

/// Records an action in the transaction that performs it, so that neither exists without the other.
pub async fn record(
    connection: &mut PgConnection,
    user_id: i64,
    action: &str,
    subject: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into audit_log (user_id, action, subject) values ($1, $2, $3)",
        user_id,
        action,
        subject
    )
    .execute(connection)
    .await?;
    Ok(())
}
