-- The places of records whose words reach no reader (I2), never the words. A place is a member by the
-- names of FHIR R4, and begins with the type.
CREATE TABLE run_left_out (
    run   bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
    place text NOT NULL,
    kind  text NOT NULL CHECK (kind IN ('unread', 'withheld', 'words')),
    items bigint NOT NULL, -- how many items that the run saw, each counted once
    PRIMARY KEY (run, place, kind)
);
ALTER TABLE run_left_out ENABLE ROW LEVEL SECURITY;

-- The same of single items: what is not accepted (see package dossier), and of a sample everything.
CREATE TABLE left_out (
    tenant text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    place  text NOT NULL,
    kind   text NOT NULL CHECK (kind IN ('unread', 'withheld', 'words')),
    length integer NOT NULL, -- bytes as the source writes it; of words their number
    PRIMARY KEY (tenant, key, place, kind)
);
ALTER TABLE left_out ENABLE ROW LEVEL SECURITY;

---- create above / drop below ----

DROP TABLE left_out;
DROP TABLE run_left_out;
