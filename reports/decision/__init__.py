"""Which file to ship: budgets, the most accurate file that keeps them, two sides compared."""
