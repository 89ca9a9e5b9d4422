"""From predictions to scores, intervals and paired tests."""
