-- Why an agent declined, in their words, redacted; null where they did not say, and for calls of before this column.
ALTER TABLE offers ADD COLUMN reason TEXT;
