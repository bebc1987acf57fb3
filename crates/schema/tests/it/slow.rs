//! Long proofs: a test step of their own, so that the others stay quick.

use crate::{matrix, random};
use sqlx::PgPool;

macro_rules! matrix {
    ($($name:ident: $file:ident,)*) => {$(
        #[sqlx::test(migrations = false)]
        async fn $name(pool: PgPool) {
            matrix::check(matrix::$file, &pool).await;
        }
    )*};
}

matrix! {
    changes_of_tables_and_columns: TABLES_AND_COLUMNS,
    changes_of_types: TYPES,
    changes_of_generated_columns_identities_and_sequences: GENERATED_AND_SEQUENCES,
    changes_of_constraints: CONSTRAINTS,
    changes_of_indexes: INDEXES,
    changes_of_routines_and_views: ROUTINES_AND_VIEWS,
    changes_of_partitions_comments_and_rights: PARTITIONS_COMMENTS_RIGHTS,
    renames_and_unsupported_kinds: RENAMES_AND_UNSUPPORTED,
}

macro_rules! random_pairs {
    ($($name:ident: $quarter:literal,)*) => {$(
        #[sqlx::test(migrations = false)]
        async fn $name(pool: PgPool) {
            random::check_quarter(&pool, $quarter).await;
        }
    )*};
}

random_pairs! {
    the_first_quarter_of_random_pairs_leads_to_the_declaration_and_keeps_its_rows: 0,
    the_second_quarter_of_random_pairs_leads_to_the_declaration_and_keeps_its_rows: 1,
    the_third_quarter_of_random_pairs_leads_to_the_declaration_and_keeps_its_rows: 2,
    the_last_quarter_of_random_pairs_leads_to_the_declaration_and_keeps_its_rows: 3,
}
