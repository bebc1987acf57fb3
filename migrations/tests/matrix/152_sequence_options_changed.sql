-- kind: sequences
-- what: the options of a sequence change
-- expect: generated
-- holds: alter sequence
-- before
create sequence bills;
-- after
create sequence bills increment by 2 maxvalue 1000 cycle;
