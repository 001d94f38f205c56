module sagasu

go 1.26
