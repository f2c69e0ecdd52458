-- How much of which types the source has that no stream reads.
ALTER TABLE runs ADD COLUMN not_pulled jsonb NOT NULL DEFAULT '{}';

---- create above / drop below ----

ALTER TABLE runs DROP COLUMN not_pulled;
