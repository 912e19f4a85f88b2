"""How a schedule is carried out: the scheduler, its lanes, a run from setup to verdict."""
