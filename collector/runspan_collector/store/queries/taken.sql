-- How many rows were taken, repeats too. It costs next to nothing: the page asks whether it has changed before all else.
SELECT rows
FROM taken
