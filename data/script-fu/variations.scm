; SPDX-License-Identifier: Apache-2.0
;
; A file for each of a list of prompts, named by its number, and a second one twice as large with finer detail:
;
;   (load "variations.scm")
;   (hidiffusion-variations '("a red heart on a sky background" "a blue star on a night background") 256 7 "/tmp/picture")
;
; writes /tmp/picture-1.png, /tmp/picture-1-large.png and so on. Hundreds of them are better made by `hidiffusion batch`.

(define (hidiffusion-variations prompts size seed path)
  (let next ((left prompts) (number 1))
    (if (pair? left)
      (let* ((name (string-append path "-" (number->string number)))
             (image (car (plug-in-hidiffusion-generate #:run-mode RUN-NONINTERACTIVE
                           #:prompt (car left) #:width size #:height size #:seed seed))))
        (gimp-file-save RUN-NONINTERACTIVE image (string-append name ".png"))
        (let* ((layer (vector-ref (car (gimp-image-get-layers image)) 0))
               (large (car (plug-in-hidiffusion-upscale #:run-mode RUN-NONINTERACTIVE
                             #:image image #:drawables (vector layer) #:prompt (car left)
                             #:factor 2 #:seed seed))))
          (gimp-file-save RUN-NONINTERACTIVE large (string-append name "-large.png"))
          (gimp-image-delete large))
        (gimp-image-delete image)
        (next (cdr left) (+ number 1))))))
