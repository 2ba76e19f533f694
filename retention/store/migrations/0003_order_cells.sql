-- Sums above user_orders: revenue by the week or month of the first order and by age, see store/order_cells.py.
create table order_cells (
    period varchar not null,                -- 'week' or 'month'
    cohort integer not null, age integer not null,      -- age -1: refunds without an order, in their own period
    n_rows bigint not null, n_buyers bigint not null, n_orders bigint not null,
    gross decimal(38, 6) not null, refunded decimal(38, 6) not null,
    -- of net and of gross amounts: what is kept of age 0's, and the sums of squares and products behind intervals
    net_kept decimal(38, 6) not null, net_floor decimal(38, 6) not null, net_yy decimal(38, 12) not null,
    net_xy decimal(38, 12) not null, net_kk decimal(38, 12) not null, net_kx decimal(38, 12) not null,
    net_xx decimal(38, 12) not null, net_ff decimal(38, 12) not null, net_fx decimal(38, 12) not null,
    gross_kept decimal(38, 6) not null, gross_floor decimal(38, 6) not null, gross_yy decimal(38, 12) not null,
    gross_xy decimal(38, 12) not null, gross_kk decimal(38, 12) not null, gross_kx decimal(38, 12) not null,
    gross_xx decimal(38, 12) not null, gross_ff decimal(38, 12) not null, gross_fx decimal(38, 12) not null
);
update state set is_stale = case when as_of_us is null then 0 else 1 end;
