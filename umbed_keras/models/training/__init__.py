"""Trainings as commands run them: resumed where they ended, drawn, measured and stored."""
