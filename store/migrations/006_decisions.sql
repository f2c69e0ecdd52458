-- What operators have decided: who, when and why. Rows are added and never
-- changed. Nobody but the owner reads or writes here; readers have no right to it.

CREATE TABLE decisions (
    tenant text NOT NULL REFERENCES tenants,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    by     text NOT NULL,  -- an operator's name
    what   text NOT NULL,  -- discard, approve
    object text NOT NULL,  -- what it is about: an item's type and key
    reason text NOT NULL CHECK (reason <> '')
);
CREATE INDEX decisions_by_tenant ON decisions (tenant, at);

ALTER TABLE decisions ENABLE ROW LEVEL SECURITY;

---- create above / drop below ----

DROP TABLE decisions;
