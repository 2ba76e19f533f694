-- The store: events as they came in, dictionaries, settings and what people made of them.
-- Instants are microseconds since 1970-01-01 UTC (`*_us`); days count from 1970-01-01 in the store's zone.
create table state (
    data_version bigint not null,           -- grows by one with each committed write
    as_of_us bigint                         -- the data watermark that the rollups stand at (exclusive)
);
create table settings (name varchar not null, value varchar not null);

create table event_names (
    event_key integer not null,             -- from 1; 0 stands for "any activity" in user_first
    event varchar not null,
    bit integer,                            -- its place in the masks of the rollups; null beyond the 62nd
    is_activity integer not null
);
create table properties (
    property_key integer not null,
    name varchar not null,
    kind varchar not null,                  -- 'event': belongs to the event; 'user': holds until the next value
    column_name varchar not null            -- its column in events and user_first
);
create table property_values (
    property_key integer not null,
    value_key integer not null,
    value varchar not null,
    number double                           -- the value as a number, where it is one
);
create table items (item_key integer not null, item varchar not null, name varchar, category varchar);
create table texts (text_key integer not null, text varchar not null);

create table users (
    user_key integer not null,
    pseudonym varchar not null,             -- HMAC-SHA256 of the file's id under a key kept outside this file
    first_us bigint, last_us bigint, n_events bigint not null
);
create table identities (user_key integer not null, user_id varchar not null);

create table events (
    user_key integer not null, occurred_us bigint not null, day integer not null, event_key smallint not null,
    value decimal(18, 6), quantity decimal(18, 6), item_key integer, text_key integer,
    row_hash ubigint not null,              -- identity of the source row, its occurrence number folded in
    import_id integer not null
);
create table order_lines (
    user_key integer not null, occurred_us bigint not null, event_key smallint not null, invoice varchar not null,
    item_key integer, quantity decimal(18, 6), price decimal(18, 6), row_hash ubigint not null, event_hash ubigint not null,
    import_id integer not null
);

create table imports (
    import_id integer not null, source_name varchar not null, sha256 varchar not null, preset varchar not null,
    mapping varchar not null, timezone varchar not null, n_records bigint not null, n_new bigint not null,
    n_duplicate bigint not null, n_rejected bigint not null, first_us bigint, last_us bigint,
    watermark_us bigint, is_simulated integer not null, imported_us bigint not null
);
create table reject_reasons (import_id integer not null, reason varchar not null, n bigint not null, first_line bigint not null);
create table rejects (import_id integer not null, line bigint not null, column_name varchar, value varchar, reason varchar not null);
create table gaps (gap_id integer not null, from_us bigint not null, to_us bigint not null, note varchar not null);

-- Rollups: only events before `as_of_us`, kept by every import in its own transaction.
create table user_day (
    user_key integer not null, day integer not null,
    first_day integer,                      -- the user's first day with activity
    prev_day integer,                       -- the day with activity before this one; -400 where there is none
    ev_mask bigint not null,                -- one bit an event kind; bit 62 = any activity
    twice_mask bigint not null,             -- kinds (and activity) that happened at least twice in the period
    back_mask bigint not null,              -- what is left of ev_mask without the user's first activity
    n_events integer not null
);
create table user_week (
    user_key integer not null, period integer not null, first_period integer,
    ev_mask bigint not null, twice_mask bigint not null, back_mask bigint not null
);
create table user_month (
    user_key integer not null, period integer not null, first_period integer,
    ev_mask bigint not null, twice_mask bigint not null, back_mask bigint not null
);
-- Counts above those rows, see store/cells.py: property 0 = not split; event 0 = any activity.
create table week_cells (property_key integer not null, value_key integer, event_key smallint not null, cohort integer not null, age integer not null, n bigint not null);
create table month_cells (property_key integer not null, value_key integer, event_key smallint not null, cohort integer not null, age integer not null, n bigint not null);
create table week_cohorts (property_key integer not null, value_key integer, cohort integer not null, n bigint not null, first_us bigint not null, last_us bigint not null);
create table month_cohorts (property_key integer not null, value_key integer, cohort integer not null, n bigint not null, first_us bigint not null, last_us bigint not null);
create table user_first (                   -- each user's first event of each kind; key 0 = of any activity
    user_key integer not null, event_key smallint not null, first_us bigint not null, first_hash ubigint not null,
    day integer not null, first_event_key smallint not null
);

create table views (name varchar not null, page varchar not null, address varchar not null, saved_us bigint not null);
create table audiences (
    audience_id integer not null, name varchar not null, definition varchar not null, question varchar not null,
    as_of_us bigint, data_version bigint not null, n_users bigint not null, saved_us bigint not null
);
create table audience_members (audience_id integer not null, user_key integer not null);
create table audit (
    audit_id bigint not null, at_us bigint not null, who varchar not null, action varchar not null, detail varchar not null,
    n_rows bigint, sha256 varchar, previous_hash varchar not null, hash varchar not null
);
insert into state values (0, null);
