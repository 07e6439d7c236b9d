-- Since when a checkpoint stands in, by the server's clock, epoch milliseconds: what it replaced keeps its bytes for the grace
-- period from then on. 0 for those of before, whose grace is over, and for those that stand in nowhere yet.
ALTER TABLE checkpoints ADD COLUMN activated_at BIGINT NOT NULL DEFAULT 0;

-- What a page asks for each of its entries: does one stand further on whose replaced entries have their bytes still?
CREATE INDEX checkpoints_kept ON checkpoints (workspace, doc, place) WHERE state = 'active';
