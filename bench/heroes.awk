# Documents for bench/memory.sh out of short stories: all stories about one hero, one after another.
#
#   awk -v heroes="Lily Tim Max" -v bytes=76000 -v out=FOLDER -f bench/heroes.awk STORIES
#
# STORIES has lines <|endoftext|> between stories.  A story is about the hero who is named most often in it; each hero
# with so many bytes of stories gets FOLDER/hero-1.txt, FOLDER/hero-2.txt and so on, of about so many bytes each.
function close_story(  i, n, most, best, text) {
    for (i = 1; i <= count; i++) {
        text = story
        n = gsub("(^|[^A-Za-z])" name[i] "[^A-Za-z]", "&", text)
        if (n > most) {
            most = n
            best = i
        }
    }
    story = story "<|endoftext|>\n"
    if (most)
        kept[best] = kept[best] story
    if (most && length(kept[best]) >= bytes) {
        text = out "/" tolower(name[best]) "-" ++written[best] ".txt"
        printf "%s", kept[best] >text
        close(text)
        kept[best] = ""
    }
    story = ""
}
BEGIN { count = split(heroes, name, " ") }
/^<\|endoftext\|>$/ { close_story(); next }
{ story = story $0 "\n" }
END { close_story() }
