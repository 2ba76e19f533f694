-- What is learned of users, with the moment as of which it was: segments and tags.
create table labels (                       -- an attribute of users that does not come from a file
    property_key integer not null,          -- from 1,000,001; its values' texts are in property_values
    name varchar not null                   -- 'segment:Shoppers v2', 'tag:night shopper'
);
create table labellings (                   -- the users were looked at as of a moment
    property_key integer not null, cutoff_us bigint not null,
    data_version bigint not null,
    n_users integer not null,               -- how many were looked at, those without a value among them
    about varchar not null,                 -- JSON
    made_us bigint not null
);
create table user_labels (                  -- which value a user had then; those without one have no row
    property_key integer not null, cutoff_us bigint not null, user_key integer not null, value_key integer not null
);
create table segmentations (                -- the label's model, as it was fitted
    property_key integer not null, name varchar not null, version integer not null,
    spec varchar not null, features varchar not null, state varchar not null, quality varchar not null,     -- JSON
    cutoff_us bigint not null, data_version bigint not null, n_users integer not null, saved_us bigint not null
);
create table tags (property_key integer not null, name varchar not null, rule varchar not null, saved_us bigint not null);
