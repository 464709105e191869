"""Getting at leads: search by words, filters, lists in pages, saved views, and files that leave."""
