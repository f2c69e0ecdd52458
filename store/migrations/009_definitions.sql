-- Several questionnaires may go by one name, as all versions of one do by its URL
-- alone: the one that the source updated last counts, and when that is no longer
-- shown the one before it.
ALTER TABLE definitions DROP CONSTRAINT definitions_pkey, ADD PRIMARY KEY (tenant, alias, key);

---- create above / drop below ----

DELETE FROM definitions d USING definitions o
WHERE o.tenant = d.tenant AND o.alias = d.alias
  AND (o.updated > d.updated OR o.updated IS NOT DISTINCT FROM d.updated AND o.key > d.key OR d.updated IS NULL AND o.updated IS NOT NULL);
ALTER TABLE definitions DROP CONSTRAINT definitions_pkey, ADD PRIMARY KEY (tenant, alias);
