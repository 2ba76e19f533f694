-- Scores of who will fall silent: the models, what they said of whom, and what came of those held back to judge them.
create table churn_models (                 -- a version is there as soon as it has a row; its files lie beside the store
    version integer not null, manifest_sha256 varchar not null, is_serving boolean not null, made_us bigint not null
);
create table scorings (                     -- users were scored as of a moment
    scoring_key integer not null, version integer not null, cutoff_day integer not null, cutoff_us bigint not null,
    property_key integer not null,          -- the label with the tiers
    high double not null, medium double not null,   -- from which probability on a risk is called high, medium
    intercept double not null,              -- of the calibration, moved to the season of the day that is scored
    season varchar not null,                -- what is known of that, in a sentence
    last_import integer not null, as_of_us bigint not null, n_users integer not null, mean double not null,
    made_us bigint not null
);
create table user_scores (                  -- value: revenue of the look-back, per horizon; null where no order is known
    scoring_key integer not null, user_key integer not null, probability double not null, value double
);
create table held_back_scores (             -- users a model has not learned from, scored at a day whose outcomes are known
    version integer not null, user_key integer not null, lapsed boolean not null, probability double not null,
    recency double, frequency double, bgnbd double
);
