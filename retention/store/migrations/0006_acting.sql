-- Lists that live on, campaigns with their holdouts, what was sent out, and what was learned.
alter table audiences add column scoring_key integer;               -- the scores that stood when it was made
alter table audiences add column is_refreshed boolean default false;    -- made anew with each import
create table audience_history (             -- how large a list was, each time it was made
    audience_id integer not null, data_version bigint not null, as_of_us bigint, n_users bigint not null,
    n_joined bigint not null, n_left bigint not null, made_us bigint not null
);
create table audience_changes (             -- who joined and who left then, for the latest of those times
    audience_id integer not null, made_us bigint not null, user_key integer not null, has_joined boolean not null
);
create table interventions (                -- the owner's own, beside the catalogue of the program
    name varchar not null, settings varchar not null, saved_us bigint not null      -- JSON
);
create table campaigns (
    campaign_id integer not null, name varchar not null,
    hash_key varchar not null,              -- from it and the file's ids alone the split follows
    audience_id integer,                    -- of a saved list; null where the definition was none
    definition varchar not null, question varchar not null,
    arms varchar not null, plan varchar not null,       -- JSON
    holdout double not null, window_days integer not null,
    exposed_us bigint not null, as_of_us bigint not null, data_version bigint not null, scoring_key integer,
    n_users bigint not null, is_running boolean not null, made_us bigint not null, ended_us bigint
);
create table exposures (
    campaign_id integer not null, user_key integer not null,
    arm_key smallint not null,              -- 0 is the holdout, which gets nothing; then in the order of the arms
    exposed_us bigint not null, propensity double not null, reason varchar not null
);
create table measured_effects (             -- the archive: what a campaign was found to do, arm by arm
    campaign_id integer not null, campaign varchar not null, arm_key smallint not null, arm varchar not null,
    intervention varchar not null, metric varchar not null, window_days integer not null,
    effect double not null, standard_error double not null, low double not null, high double not null, method varchar not null,
    n_arm bigint not null, n_control bigint not null, rate_arm double, rate_control double, cost_per_kept double,
    verdict varchar not null, learned varchar not null, as_of_us bigint not null, made_us bigint not null
);
create table deliveries (                   -- a list sent to a webhook
    delivery_id integer not null, definition varchar not null, question varchar not null, url varchar not null,
    n_users bigint not null, made_us bigint not null, ended_us bigint
);
create table delivery_users (
    delivery_id integer not null, user_key integer not null, is_confirmed boolean not null, n_tries integer not null,
    fault varchar
);
