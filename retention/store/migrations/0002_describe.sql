-- What describing retention needs beside the activity: orders with their money, notes on charts, alerts.
create table user_orders (                  -- one row per user and local day with orders; only events before `as_of_us`
    user_key integer not null, day integer not null,
    first_day integer,                      -- the user's first day with an order
    n_orders integer not null,              -- an order: all revenue events of a user at one instant
    first_us bigint, second_us bigint,      -- the day's first and second order
    gross decimal(18, 6) not null,
    refunded decimal(18, 6) not null        -- booked on the day of the order; without one on its own day, n_orders = 0
);
create table annotations (annotation_id integer not null, day integer not null, text varchar not null);
create table alerts (
    alert_id integer not null, name varchar not null, metric varchar not null, operator varchar not null,
    threshold double not null, is_sure integer not null,     -- 1: fires only where the whole interval lies beyond
    created_us bigint not null
);
create table alert_readings (
    alert_id integer not null, data_version bigint not null, as_of_us bigint not null, is_fired integer not null,
    value double, low double, high double, sentence varchar not null, read_us bigint not null
);
-- A store that held events before these tables existed has its orders made when it is opened, see store/orders.py.
alter table state add column is_stale integer default 0;
update state set is_stale = case when as_of_us is null then 0 else 1 end;
