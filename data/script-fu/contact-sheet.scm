; SPDX-License-Identifier: Apache-2.0
;
; Pictures of one prompt by consecutive seeds, side by side in a new image, a layer each:
;
;   (load "contact-sheet.scm")
;   (hidiffusion-contact-sheet "a red heart on a sky background" 256 4 3 1)

(define (hidiffusion-contact-sheet prompt size columns rows seed)
  (let* ((image (car (gimp-image-new (* columns size) (* rows size) RGB)))
         (layers (vector->list
                   (caddr (plug-in-hidiffusion-generate #:run-mode RUN-NONINTERACTIVE
                           #:image image #:prompt prompt #:width size #:height size
                           #:seed seed #:count (* columns rows))))))
    (let place ((left layers) (i 0))
      (if (pair? left)
        (begin
          (gimp-layer-set-offsets (car left)
            (* size (modulo i columns)) (* size (quotient i columns)))
          (place (cdr left) (+ i 1)))))
    image))
